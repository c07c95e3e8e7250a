#include "store/lmdb_environment.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <thread>
#include <utility>

#include "base/system_error.h"
#include "deformer/error.h"
#include "store/store_entry.h"
#include "store/writer_lock.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// Of which lmdb_pages knows the format.
static_assert(MDB_VERSION_MAJOR == 0 && MDB_VERSION_MINOR == 9);

constexpr std::size_t kSmallestMap = std::size_t{1} << 24;

// Another process may enlarge the map more than once while this one adopts it, but not for ever.
constexpr int kMostResizes = 100;
// A state's page is written over by the transaction after next; a reader that was late starts anew.
constexpr int kMostStarts = 100;

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
      return ErrorCode::kResourceExhausted;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return ErrorCode::kCorrupt;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return ErrorCode::kIncompatible;
    default:
      return error_code_of(code);
  }
}

// LMDB has no words of its own for the system's errors, which are above 0.
std::string reason_of(int code) {
  return code > 0 ? system_message(code) : ::mdb_strerror(code);
}

// A write. Ends on every way out but a commit.
class Transaction {
 public:
  Transaction(MDB_txn* transaction, const std::atomic<bool>& is_broken)
      : transaction_(transaction), is_broken_(&is_broken) {}
  ~Transaction() {
    // One that an assertion has left in the middle points into frames that are gone.
    if (transaction_ != nullptr && !*is_broken_) ::mdb_txn_abort(transaction_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] MDB_txn* get() const noexcept { return transaction_; }
  // Throws where an assertion fails.
  [[nodiscard]] int commit() {
    const int code = ::mdb_txn_commit(transaction_);
    transaction_ = nullptr;
    return code;
  }

 private:
  MDB_txn* transaction_;
  const std::atomic<bool>* is_broken_;
};

class FileToRead {
 public:
  // Not to wait where a pipe lies in the file's place.
  explicit FileToRead(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  ~FileToRead() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FileToRead(const FileToRead&) = delete;
  FileToRead& operator=(const FileToRead&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

bool has_sound_state(int descriptor, const std::string& name) {
  try {
    static_cast<void>(read_lmdb_state(descriptor, name));
    return true;
  } catch (const Error&) {
    return false;
  }
}

Error broken_error(const std::string& name, const std::string& what) {
  return {ErrorCode::kCorrupt, name + ": the data file is damaged: " + what};
}

}  // namespace

void LmdbAbort::operator()(MDB_txn* transaction) const noexcept {
  ::mdb_txn_abort(transaction);
}

// Else an abort. LMDB has no destructors, so unwinding through it is safe where it has unwind
// tables, and an abort as before where not.
void LmdbEnvironment::on_assertion(MDB_env* environment, const char* message) {
  auto* owner = static_cast<LmdbEnvironment*>(::mdb_env_get_userctx(environment));
  owner->is_broken_ = true;
  throw broken_error(owner->name(), message);
}

void LmdbEnvironment::require_unbroken() const {
  if (is_broken_) throw broken_error(name_, "LMDB met a damaged page while this process wrote");
}

// POSIX file locks belong to a process, so a second environment on the same file would, when it is
// closed, drop the locks of the first: one object per file, for the whole process. The one piece of
// global state in this library.
struct LmdbEnvironment::Registry {
  std::mutex mutex;
  std::condition_variable closed;
  struct Entry {
    std::weak_ptr<LmdbEnvironment> environment;
    bool is_broken = false;  // and so never closed
  };
  std::map<FileKey, Entry> open;
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
    if (auto environment = found->second.environment.lock()) return environment;
    if (found->second.is_broken) {
      throw broken_error(files.name(), "it was found so by this process");
    }
    // On its way out in another thread.
    shared->closed.wait(lock);
  }
  // Until it is registered its destructor takes no lock: this function holds it.
  std::unique_ptr<LmdbEnvironment> made(
      new LmdbEnvironment(shared, std::move(files), first_entry, options));
  std::shared_ptr<LmdbEnvironment> environment(std::move(made));
  shared->open[environment->key_].environment = environment;
  environment->is_registered_ = true;
  return environment;
}

LmdbEnvironment::LmdbEnvironment(std::shared_ptr<Registry> registry, LmdbFiles files,
                                 const std::optional<std::string>& first_entry,
                                 const LmdbOptions& options)
    : registry_(std::move(registry)),
      files_(std::move(files)),
      name_(files_.name()),
      options_(options),
      process_(::getpid()) {
  check_header();
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

bool LmdbEnvironment::is_inherited() const noexcept {
  return ::getpid() != process_;
}

LmdbEnvironment::~LmdbEnvironment() {
  if (is_inherited()) {
    // LMDB would close lock.mdb, and with it this process would lose the POSIX locks that it has
    // there where it opened the store itself. The registry's mutex may have been held at the fork.
    static_cast<void>(environment_.release());
    return;
  }
  if (!is_registered_) {
    close();
    return;
  }
  const std::lock_guard lock(registry_->mutex);
  close();
  const auto entry = registry_->open.find(key_);
  entry->second.is_broken = is_broken_;
  if (!is_broken_) registry_->open.erase(entry);
  registry_->closed.notify_all();
}

void LmdbEnvironment::close() noexcept {
  if (is_broken_) {
    // A thread of this process holds LMDB's lock of writers, in memory that must stay; and no other
    // process may come to wait for it.
    static_cast<void>(environment_.release());
    static_cast<void>(lock_.release());
  }
  environment_.reset();
  lock_.reset();
}

// LMDB believes the meta pages: a wrong number in one would have it map, divide or read by that.
void LmdbEnvironment::check_header() const {
  const FileToRead file(files_.data());
  if (file.descriptor() < 0) return;
  // A writer may be in the middle of a page.
  constexpr int kAttempts = 5;
  for (int attempt = 1; attempt < kAttempts; ++attempt) {
    if (has_sound_state(file.descriptor(), name_)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  static_cast<void>(read_lmdb_state(file.descriptor(), name_));
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
    lock_ = std::make_unique<WriterLock>(files_.writer_lock(), name_, WriterLock::Mode::kReader);
  }
}

void LmdbEnvironment::open_files(std::size_t map_bytes) {
  const bool is_new = files_.is_new();
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
    if (code != MDB_SUCCESS && is_new) files_.undo_beginning();
    if (code == ENOMEM && map_bytes > kSmallestMap) continue;
    check(code, "open");
    break;
  }
  int stale = 0;
  ::mdb_reader_check(environment_.get(), &stale);
}

int LmdbEnvironment::descriptor() const {
  int descriptor = -1;
  check(::mdb_env_get_fd(environment_.get(), &descriptor), "stat");
  return descriptor;
}

std::uint64_t LmdbEnvironment::file_bytes() const {
  struct stat status {};
  if (::fstat(descriptor(), &status) != 0) fail(errno, "stat");
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
    const bool can_be_unwritten = missing <= kLmdbUnwrittenPages * status.ms_psize;
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
  const int code =
      ::posix_fallocate(descriptor(), static_cast<off_t>(size), static_cast<off_t>(used - size));
  if (code != 0) fail(code, "extend");
}

bool LmdbEnvironment::open_tables() {
  LmdbReading reading = begin_reading();
  const std::uint64_t entries = reading.pages.state().main.entries;
  if (entries == 0) return false;
  const bool has_meta = reading.pages.table(kMetaTable).has_value();
  const bool has_passages = reading.pages.table(kPassagesTable).has_value();
  // One of two under another name is rather a damaged page than a coincidence.
  if (entries == 2 && has_meta != has_passages) throw broken_error(name_, "a table is missing");
  if (!has_meta || !has_passages) {
    throw Error(ErrorCode::kIncompatible,
                name_ + ": expected a passage store, found an LMDB file of another program");
  }
  MDB_txn* const transaction = reading.transaction.get();
  check(::mdb_dbi_open(transaction, kMetaTable, 0, &meta_), "read");
  check(::mdb_dbi_open(transaction, kPassagesTable, 0, &passages_), "read");
  // Handles opened in a transaction live on only when it is committed.
  check(::mdb_txn_commit(reading.transaction.release()), "read");
  return true;
}

void LmdbEnvironment::make_tables(const std::string& first_entry) {
  if (!why_read_only_.empty()) {
    throw Error(ErrorCode::kIo, name_ + ": cannot create a store: " + why_read_only_);
  }
  begin_reading().pages.check_all();
  // Before the tables: where they are, nobody looks after the names again.
  files_.sync_names();
  Transaction transaction(begin(0), is_broken_);
  check(::mdb_dbi_open(transaction.get(), kMetaTable, MDB_CREATE, &meta_), "create");
  check(::mdb_dbi_open(transaction.get(), kPassagesTable, MDB_CREATE, &passages_), "create");
  LmdbWriter writer(*this, transaction.get());
  // Another process may have been here first; its entry stays, and the caller compares.
  if (!writer.find(LmdbTable::kMeta, kEntryKey)) {
    writer.put(LmdbTable::kMeta, kEntryKey, first_entry);
  }
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
    // Another thread may have been here first.
    if (!is_mapped_whole()) grow();
  }
}

std::shared_ptr<const LmdbSnapshot> LmdbEnvironment::try_snapshot() {
  // They outlive the lock, which the destructor takes of one that nobody else holds.
  std::shared_ptr<const LmdbSnapshot> last;
  std::shared_ptr<const LmdbSnapshot> made;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !resizing_; });
  last = newest_.lock();
  if (last && last->number() == newest_number()) return last;
  made = std::make_shared<const LmdbSnapshot>(shared_from_this());
  ++live_snapshots_;
  // While a commit is being synced its number can be seen, but readers get the state before it.
  if (last && last->number() == made->number()) return last;
  newest_ = made;
  return made;
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

// As LMDB sees it, which otherwise refuses to begin a transaction.
bool LmdbEnvironment::is_mapped_whole() const {
  MDB_envinfo info{};
  check(::mdb_env_info(environment_.get(), &info), "stat");
  return used_bytes() <= info.me_mapsize;
}

void LmdbEnvironment::grow() {
  MDB_envinfo info{};
  check(::mdb_env_info(environment_.get(), &info), "stat");
  // The file is longer than the map where another process has written.
  const std::size_t map_bytes = 2 * std::max<std::size_t>(info.me_mapsize, file_bytes());
  // LMDB lets go of the old map before it asks for the new one: make sure that it gets it.
  if (!can_reserve_addresses(map_bytes)) {
    throw Error(ErrorCode::kResourceExhausted, name_ + ": cannot enlarge the map to " +
                                                   std::to_string(map_bytes) +
                                                   " bytes: " + system_message(errno));
  }
  resize(map_bytes);
}

void LmdbEnvironment::become_writer() {
  if (!why_read_only_.empty()) {
    throw Error(ErrorCode::kIo, name_ + ": cannot write: " + why_read_only_);
  }
  if (!lock_) {
    lock_ = std::make_unique<WriterLock>(files_.writer_lock(), name_, WriterLock::Mode::kWriter);
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
      grow();
    }
  }
  keep_length();
}

bool LmdbEnvironment::write_once(const std::function<void(LmdbWriter&)>& body) {
  try {
    if (!is_checked_) begin_reading().pages.check_all();
    is_checked_ = true;
    Transaction transaction(begin(0), is_broken_);
    LmdbWriter writer(*this, transaction.get());
    body(writer);
    check(transaction.commit(), "write to");
    return true;
  } catch (const MapFull&) {
    return false;
  }
}

MDB_txn* LmdbEnvironment::begin(unsigned flags) const {
  require_unbroken();
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

LmdbPages LmdbEnvironment::pages_of(std::uint64_t number) const {
  MDB_stat status{};
  check(::mdb_env_stat(environment_.get(), &status), "read");
  const int file = descriptor();
  return {file, name_, read_lmdb_state(file, name_, number, status.ms_psize)};
}

LmdbReading LmdbEnvironment::begin_reading() const {
  for (int attempt = 1;; ++attempt) {
    std::unique_ptr<MDB_txn, LmdbAbort> transaction(begin(MDB_RDONLY));
    const std::uint64_t number = ::mdb_txn_id(transaction.get());
    try {
      LmdbPages pages = pages_of(number);
      return {std::move(transaction), std::move(pages)};
    } catch (const Error&) {
      const bool is_replaced = newest_number() > number + 1;
      if (!is_replaced || attempt == kMostStarts) throw;
    }
  }
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
  throw Error(code_of(code), name_ + ": cannot " + action + " the store: " + reason_of(code));
}

void LmdbEnvironment::check(int code, const char* action) const {
  if (code == MDB_SUCCESS) return;
  const std::string message = name_ + ": cannot " + action + " the store: " + reason_of(code);
  if (code == MDB_MAP_FULL) throw MapFull(ErrorCode::kResourceExhausted, message);
  if (code == MDB_MAP_RESIZED) throw MapResized(ErrorCode::kCorrupt, message);
  fail(code, action);
}

}  // namespace deformer
