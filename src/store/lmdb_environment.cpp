#include "store/lmdb_environment.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "deformer/error.h"
#include "store/writer_lock.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmallestMap = std::size_t{1} << 24;
// LMDB may leave pages at the end unwritten that a transaction took and gave back.
constexpr std::uint64_t kUnwrittenPages = 256;

// Another process may enlarge the map more than once while this one adopts it, but not for ever.
constexpr int kMostResizes = 100;

// The map is full, or smaller than another process made it: the caller sees to that and tries
// again.
struct MapFull : Error {
  using Error::Error;
};
struct MapResized : Error {
  using Error::Error;
};

ErrorCode code_of(int code) {
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
      return ErrorCode::kResourceExhausted;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return ErrorCode::kCorrupt;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return ErrorCode::kIncompatible;
    case ENOENT:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kIo;
  }
}

// Ends a transaction on every way out but a commit.
class Transaction {
 public:
  explicit Transaction(MDB_txn* transaction) : transaction_(transaction) {}
  ~Transaction() {
    if (transaction_ != nullptr) ::mdb_txn_abort(transaction_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] MDB_txn* get() const noexcept { return transaction_; }
  [[nodiscard]] int commit() noexcept {
    return ::mdb_txn_commit(std::exchange(transaction_, nullptr));
  }

 private:
  MDB_txn* transaction_;
};

// LMDB's own assertions, else an abort: they fail on damaged pages. LMDB has no destructors, so
// unwinding through it is safe where it has unwind tables, and an abort as before where not.
void on_assertion(MDB_env* environment, const char* message) {
  const auto* owner = static_cast<const LmdbEnvironment*>(::mdb_env_get_userctx(environment));
  throw Error(ErrorCode::kCorrupt, owner->name() + ": the data file is damaged: " + message);
}

}  // namespace

// POSIX file locks belong to a process, so a second environment on the same file would, when it is
// closed, drop the locks of the first: one object per file, for the whole process. The one piece of
// global state in this library.
struct LmdbEnvironment::Registry {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<FileKey, std::weak_ptr<LmdbEnvironment>> open;
};

std::shared_ptr<LmdbEnvironment::Registry> LmdbEnvironment::registry() {
  static const auto instance = std::make_shared<Registry>();
  return instance;
}

std::optional<LmdbEnvironment::FileKey> LmdbEnvironment::key_of(const LmdbFiles& files) {
  const auto key = files.key();
  if (!key) return std::nullopt;
  return FileKey{static_cast<std::uint64_t>(::getpid()), key->first, key->second};
}

void LmdbEnvironment::Close::operator()(MDB_env* environment) const noexcept {
  ::mdb_env_close(environment);
}

std::shared_ptr<LmdbEnvironment> LmdbEnvironment::open(
    const fs::path& directory, const std::optional<std::string>& first_entry,
    const LmdbOptions& options) {
  LmdbFiles files(directory, first_entry.has_value());
  const auto shared = registry();
  std::unique_lock lock(shared->mutex);
  while (const auto key = key_of(files)) {
    const auto found = shared->open.find(*key);
    if (found == shared->open.end()) break;
    if (auto environment = found->second.lock()) return environment;
    // On its way out in another thread.
    shared->closed.wait(lock);
  }
  std::shared_ptr<LmdbEnvironment> environment(
      new LmdbEnvironment(shared, std::move(files), first_entry, options));
  shared->open[environment->key_] = environment;
  return environment;
}

LmdbEnvironment::LmdbEnvironment(std::shared_ptr<Registry> registry, LmdbFiles files,
                                 const std::optional<std::string>& first_entry,
                                 const LmdbOptions& options)
    : registry_(std::move(registry)),
      files_(std::move(files)),
      name_("lmdb:" + files_.directory().string()),
      options_(options) {
  choose_access();
  open_files(options.map_bytes);
  check_length();
  key_ = key_of(files_).value_or(FileKey{});
  if (open_tables()) return;
  if (!first_entry) {
    throw Error(ErrorCode::kNotFound, name_ + ": expected a passage store, found none");
  }
  make_tables(*first_entry);
}

LmdbEnvironment::~LmdbEnvironment() {
  const std::lock_guard lock(registry_->mutex);
  environment_.reset();
  lock_.reset();
  registry_->open.erase(key_);
  registry_->closed.notify_all();
}

void LmdbEnvironment::choose_access() {
  why_read_only_ = files_.why_read_only();
  flags_ = MDB_NOTLS;
  if (why_read_only_.empty()) {
    // A cache line a reader, and the head.
    files_.make_lock_files((std::size_t{options_.max_readers} + 8) * 64);
    return;
  }
  if (!files_.key()) {
    throw Error(ErrorCode::kIo, name_ + ": cannot create a store: " + why_read_only_);
  }
  flags_ |= MDB_RDONLY;
  if (files_.can_lock()) return;
  flags_ |= MDB_NOLOCK;
  if (files_.has_writer_lock()) {
    lock_ = std::make_unique<WriterLock>(files_.writer_lock(), WriterLock::Mode::kReader);
  }
}

void LmdbEnvironment::open_files(std::size_t map_bytes) {
  for (;; map_bytes /= 2) {
    MDB_env* environment = nullptr;
    check(::mdb_env_create(&environment), "create an environment");
    environment_.reset(environment);
    ::mdb_env_set_userctx(environment, this);
    ::mdb_env_set_assert(environment, on_assertion);
    check(::mdb_env_set_maxdbs(environment, 2), "open");
    check(::mdb_env_set_maxreaders(environment, options_.max_readers), "open");
    check(::mdb_env_set_mapsize(environment, map_bytes), "open");
    const int code = ::mdb_env_open(environment, files_.directory().c_str(), flags_, 0666);
    if (code == ENOMEM && map_bytes > kSmallestMap) continue;
    check(code, "open");
    break;
  }
  int stale = 0;
  ::mdb_reader_check(environment_.get(), &stale);
}

std::uint64_t LmdbEnvironment::file_bytes() const {
  int descriptor = -1;
  struct stat status {};
  check(::mdb_env_get_fd(environment_.get(), &descriptor), "stat");
  if (::fstat(descriptor, &status) != 0) fail(errno, "stat");
  return static_cast<std::uint64_t>(status.st_size);
}

std::uint64_t LmdbEnvironment::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat status{};
  check(::mdb_env_info(environment_.get(), &info), "stat");
  check(::mdb_env_stat(environment_.get(), &status), "stat");
  return (std::uint64_t{info.me_last_pgno} + 1) * status.ms_psize;
}

// Reading a page behind the end of the file would be a SIGBUS.
void LmdbEnvironment::check_length() const {
  constexpr int kAttempts = 10;
  for (int attempt = 0; file_bytes() < used_bytes(); ++attempt) {
    const std::uint64_t missing = used_bytes() - file_bytes();
    MDB_stat status{};
    check(::mdb_env_stat(environment_.get(), &status), "stat");
    const bool can_be_unwritten = missing <= kUnwrittenPages * status.ms_psize;
    if (can_be_unwritten && why_read_only_.empty()) return keep_length();
    // A writer may be between its commit and its keep_length().
    if (!can_be_unwritten || attempt == kAttempts) {
      throw Error(ErrorCode::kCorrupt, name_ + ": the data file is cut: expected " +
                                           std::to_string(used_bytes()) + " bytes, found " +
                                           std::to_string(file_bytes()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void LmdbEnvironment::keep_length() const {
  const std::uint64_t size = file_bytes();
  const std::uint64_t used = used_bytes();
  if (size >= used) return;
  int descriptor = -1;
  check(::mdb_env_get_fd(environment_.get(), &descriptor), "extend");
  const int code =
      ::posix_fallocate(descriptor, static_cast<off_t>(size), static_cast<off_t>(used - size));
  if (code != 0) fail(code, "extend");
}

bool LmdbEnvironment::open_tables() {
  Transaction transaction(begin(MDB_RDONLY));
  int code = ::mdb_dbi_open(transaction.get(), "meta", 0, &meta_);
  if (code == MDB_NOTFOUND) {
    MDB_dbi main = 0;
    MDB_stat status{};
    check(::mdb_dbi_open(transaction.get(), nullptr, 0, &main), "read");
    check(::mdb_stat(transaction.get(), main, &status), "read");
    if (status.ms_entries == 0) return false;
  } else {
    check(code, "read");
    code = ::mdb_dbi_open(transaction.get(), "passages", 0, &passages_);
  }
  if (code == MDB_NOTFOUND) {
    throw Error(ErrorCode::kIncompatible,
                name_ + ": expected a passage store, found an LMDB file of another program");
  }
  check(code, "read");
  // Handles opened in a transaction live on only when it is committed.
  check(transaction.commit(), "read");
  return true;
}

void LmdbEnvironment::make_tables(const std::string& first_entry) {
  if (!why_read_only_.empty()) {
    throw Error(ErrorCode::kIo, name_ + ": cannot create a store: " + why_read_only_);
  }
  Transaction transaction(begin(0));
  check(::mdb_dbi_open(transaction.get(), "meta", MDB_CREATE, &meta_), "create");
  check(::mdb_dbi_open(transaction.get(), "passages", MDB_CREATE, &passages_), "create");
  LmdbWriter writer(*this, transaction.get());
  // Another process may have been here first; its entry stays, and the caller compares.
  if (!writer.find(LmdbTable::kMeta, "store")) writer.put(LmdbTable::kMeta, "store", first_entry);
  check(transaction.commit(), "create");
}

std::shared_ptr<const LmdbSnapshot> LmdbEnvironment::snapshot() {
  for (int attempt = 0;; ++attempt) {
    try {
      return try_snapshot();
    } catch (const MapResized&) {
      if (attempt == kMostResizes) throw;
    }
    const std::lock_guard lock(write_mutex_);
    resize(0);
  }
}

std::shared_ptr<const LmdbSnapshot> LmdbEnvironment::try_snapshot() {
  // Outlives the lock, which its destructor takes when all other holders go meanwhile.
  std::shared_ptr<const LmdbSnapshot> last;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !resizing_; });
  last = newest_.lock();
  if (last && last->number() == newest_number()) return last;
  auto snapshot = std::make_shared<const LmdbSnapshot>(shared_from_this());
  ++live_snapshots_;
  newest_ = snapshot;
  return snapshot;
}

void LmdbEnvironment::release_snapshot() noexcept {
  const std::lock_guard lock(mutex_);
  --live_snapshots_;
  changed_.notify_all();
}

void LmdbEnvironment::resize(std::size_t map_bytes) {
  std::unique_lock lock(mutex_);
  resizing_ = true;
  const bool alone =
      changed_.wait_for(lock, options_.grow_wait, [&] { return live_snapshots_ == 0; });
  const int code = alone ? ::mdb_env_set_mapsize(environment_.get(), map_bytes) : 0;
  resizing_ = false;
  changed_.notify_all();
  if (!alone) {
    throw Error(ErrorCode::kResourceExhausted,
                name_ +
                    ": the map has to grow, which results that are still in use prevent: let "
                    "go of passages read from this store");
  }
  check(code, "enlarge the map of");
}

void LmdbEnvironment::grow() {
  MDB_envinfo info{};
  check(::mdb_env_info(environment_.get(), &info), "stat");
  const std::size_t map_bytes = info.me_mapsize * 2;
  // LMDB lets go of the old map before it asks for the new one: make sure that it gets it.
  if (!can_reserve_addresses(map_bytes)) {
    throw Error(ErrorCode::kResourceExhausted, name_ + ": cannot enlarge the map to " +
                                                   std::to_string(map_bytes) +
                                                   " bytes: " + std::strerror(errno));
  }
  resize(map_bytes);
}

void LmdbEnvironment::become_writer() {
  if (!why_read_only_.empty()) {
    throw Error(ErrorCode::kIo, name_ + ": cannot write: " + why_read_only_);
  }
  if (!lock_) {
    lock_ = std::make_unique<WriterLock>(files_.writer_lock(), WriterLock::Mode::kWriter);
  }
}

void LmdbEnvironment::write(const std::function<void(LmdbWriter&)>& body) {
  const std::lock_guard lock(write_mutex_);
  become_writer();
  for (int attempt = 0;; ++attempt) {
    try {
      if (write_once(body)) break;
      grow();
    } catch (const MapResized&) {
      if (attempt == kMostResizes) throw;
      resize(0);
    }
  }
  keep_length();
}

bool LmdbEnvironment::write_once(const std::function<void(LmdbWriter&)>& body) {
  try {
    Transaction transaction(begin(0));
    LmdbWriter writer(*this, transaction.get());
    body(writer);
    check(transaction.commit(), "write to");
    return true;
  } catch (const MapFull&) {
    return false;
  }
}

MDB_txn* LmdbEnvironment::begin(unsigned flags) const {
  MDB_txn* transaction = nullptr;
  int code = ::mdb_txn_begin(environment_.get(), nullptr, flags, &transaction);
  if (code == MDB_READERS_FULL) {
    // Slots of processes that were killed.
    int stale = 0;
    ::mdb_reader_check(environment_.get(), &stale);
    code = ::mdb_txn_begin(environment_.get(), nullptr, flags, &transaction);
  }
  if (code == MDB_READERS_FULL) {
    unsigned readers = 0;
    ::mdb_env_get_maxreaders(environment_.get(), &readers);
    throw Error(ErrorCode::kResourceExhausted,
                name_ + ": " + std::to_string(readers) +
                    " states of the store are in use: let go of passages read from it");
  }
  check(code, flags == 0 ? "write to" : "read");
  return transaction;
}

std::uint64_t LmdbEnvironment::newest_number() const {
  MDB_envinfo info{};
  check(::mdb_env_info(environment_.get(), &info), "read");
  return info.me_last_txnid;
}

unsigned LmdbEnvironment::handle(LmdbTable table) const noexcept {
  return table == LmdbTable::kMeta ? meta_ : passages_;
}

void LmdbEnvironment::fail(int code, const char* action) const {
  // LMDB reports a write that was cut short, for want of room, as EIO.
  if (const int reason = code == EIO ? files_.why_no_room() : 0; reason != 0) code = reason;
  throw Error(code_of(code), name_ + ": cannot " + action + " the store: " + ::mdb_strerror(code));
}

void LmdbEnvironment::check(int code, const char* action) const {
  if (code == MDB_SUCCESS) return;
  const std::string message = name_ + ": cannot " + action + " the store: " + ::mdb_strerror(code);
  if (code == MDB_MAP_FULL) throw MapFull(ErrorCode::kResourceExhausted, message);
  if (code == MDB_MAP_RESIZED) throw MapResized(ErrorCode::kCorrupt, message);
  fail(code, action);
}

}  // namespace deformer
