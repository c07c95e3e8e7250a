// LMDB behind a C++ face: the only place that knows its C interface.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/lmdb_files.h"
#include "store/lmdb_pages.h"

struct MDB_env;
struct MDB_txn;

namespace deformer {

class LmdbEnvironment;
class WriterLock;

/// The named databases of docs/store_format.md, section 3.
enum class LmdbTable { kMeta, kPassages };
inline constexpr const char* kMetaTable = "meta";
inline constexpr const char* kPassagesTable = "passages";

struct LmdbAbort {
  void operator()(MDB_txn* transaction) const noexcept;
};

/// A read transaction, and the pages that it sees.
struct LmdbReading {
  std::unique_ptr<MDB_txn, LmdbAbort> transaction;
  LmdbPages pages;
};

/// One state of the store, held still: writers do not change what it sees. Safe for concurrent
/// calls.
class LmdbSnapshot {
 public:
  explicit LmdbSnapshot(std::shared_ptr<LmdbEnvironment> environment);
  ~LmdbSnapshot();
  LmdbSnapshot(const LmdbSnapshot&) = delete;
  LmdbSnapshot& operator=(const LmdbSnapshot&) = delete;

  /// Which state; grows with every write.
  [[nodiscard]] std::uint64_t number() const noexcept { return reading_.pages.state().number; }
  /// A view of the mapped file, valid as long as the snapshot.
  [[nodiscard]] std::optional<std::span<const std::byte>> find(LmdbTable table,
                                                               std::string_view key) const;
  [[nodiscard]] std::size_t count(LmdbTable table) const;
  /// At most `limit` keys after `after`, in byte order.
  [[nodiscard]] std::vector<std::string> keys_after(LmdbTable table, std::string_view after,
                                                    std::size_t limit) const;
  /// LmdbPages::check_all().
  void check_all() const { reading_.pages.check_all(); }

 private:
  [[nodiscard]] LmdbTree open_table(const char* name) const;
  [[nodiscard]] const LmdbTree& tree(LmdbTable table) const noexcept;

  std::shared_ptr<LmdbEnvironment> environment_;
  LmdbReading reading_;
  LmdbTree meta_;
  LmdbTree passages_;
  mutable std::mutex mutex_;
};

/// A write in progress; only inside LmdbEnvironment::write().
class LmdbWriter {
 public:
  LmdbWriter(const LmdbEnvironment& environment, MDB_txn* transaction);

  /// Room for a value, to be filled before the next call.
  [[nodiscard]] std::span<std::byte> reserve(LmdbTable table, std::string_view key,
                                             std::size_t bytes);
  void put(LmdbTable table, std::string_view key, std::string_view value);
  /// False when there was none.
  bool erase(LmdbTable table, std::string_view key);
  [[nodiscard]] std::optional<std::string> find(LmdbTable table, std::string_view key) const;

 private:
  void check_old_value(LmdbTable table, std::string_view key) const;

  const LmdbEnvironment* environment_;
  MDB_txn* transaction_;
  // As it was when the transaction began.
  LmdbPages before_;
  std::optional<LmdbTree> meta_;
  std::optional<LmdbTree> passages_;
};

/// How an environment is opened; the defaults suit every machine, tests use less.
struct LmdbOptions {
  std::size_t map_bytes = std::size_t{1} << 40;  ///< address range reserved at first
  unsigned max_readers = 4096;                   ///< states in use at once, in all processes
  std::chrono::milliseconds grow_wait{5000};  ///< how long a writer waits for results to be let go
  std::uint64_t max_record_bytes = 0xffffffff;  ///< LMDB takes no longer value
};

/// A store's directory, open. One object per directory and process (LMDB demands that), shared by
/// all who open it. Safe for concurrent calls. A forked child can only let go of it and of its
/// snapshots, which changes nothing for the parent.
class LmdbEnvironment : public std::enable_shared_from_this<LmdbEnvironment> {
 public:
  /// Opens the environment; makes directory and databases when `first_entry` is given and they are
  /// absent, with that value under the key "store" of the table meta. `options` count where this
  /// process has not opened it yet. Throws kNotFound, kIo, kCorrupt, kIncompatible.
  [[nodiscard]] static std::shared_ptr<LmdbEnvironment> open(
      const std::filesystem::path& directory, const std::optional<std::string>& first_entry,
      const LmdbOptions& options = {});

  ~LmdbEnvironment();
  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  /// The newest state. Holders of one state share a snapshot. Throws kCorrupt, as every call after
  /// LMDB has met damage while it wrote.
  [[nodiscard]] std::shared_ptr<const LmdbSnapshot> snapshot();

  /// Runs `body` in a write transaction and makes it durable; again from the start when the map had
  /// to grow. The first call makes this process the writer and checks all pages of the file's trees
  /// (not the values): LMDB trusts them. Throws kIo when another one is or the store can only be
  /// read; kCorrupt; kResourceExhausted.
  void write(const std::function<void(LmdbWriter&)>& body);

  [[nodiscard]] std::uint64_t file_bytes() const;
  /// "lmdb:PATH", for errors.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class LmdbSnapshot;
  friend class LmdbWriter;
  struct Registry;
  struct Close {
    void operator()(MDB_env* environment) const noexcept;
  };
  // Process, device and inode: what a forked child inherited is not its own.
  using FileKey = std::array<std::uint64_t, 3>;

  LmdbEnvironment(std::shared_ptr<Registry> registry, LmdbFiles files,
                  const std::optional<std::string>& first_entry, const LmdbOptions& options);

  // Opening.
  static std::shared_ptr<Registry> registry();
  static std::optional<FileKey> key_of(const LmdbFiles& files);
  void choose_access();
  void check_header() const;
  [[nodiscard]] int descriptor() const;
  void open_files(std::size_t map_bytes);
  void check_length() const;
  [[nodiscard]] bool open_tables();
  void make_tables(const std::string& first_entry);

  // Writing.
  void become_writer();
  [[nodiscard]] bool write_once(const std::function<void(LmdbWriter&)>& body);
  void keep_length() const;
  [[nodiscard]] bool is_mapped_whole() const;
  void grow();

  // LMDB's assertions end here: they fail on damage. Nothing can be done with a transaction that
  // was left in the middle, nor with the environment.
  static void on_assertion(MDB_env* environment, const char* message);
  void require_unbroken() const;
  [[nodiscard]] bool is_inherited() const noexcept;
  void close() noexcept;

  [[nodiscard]] LmdbReading begin_reading() const;
  [[nodiscard]] LmdbPages pages_of(std::uint64_t number) const;
  [[nodiscard]] std::shared_ptr<const LmdbSnapshot> try_snapshot();
  void resize(std::size_t map_bytes);
  void release_snapshot() noexcept;
  [[nodiscard]] MDB_txn* begin(unsigned flags) const;
  [[nodiscard]] std::uint64_t newest_number() const;
  [[nodiscard]] std::uint64_t used_bytes() const;
  [[nodiscard]] unsigned handle(LmdbTable table) const noexcept;
  [[noreturn]] void fail(int code, const char* action) const;
  void check(int code, const char* action) const;

  const std::shared_ptr<Registry> registry_;
  const LmdbFiles files_;
  const std::string name_;
  const LmdbOptions options_;
  const pid_t process_;
  std::string why_read_only_;  // empty: can be written
  unsigned flags_ = 0;
  bool is_checked_ = false;           // all pages, before the first write
  std::unique_ptr<WriterLock> lock_;  // a writer's since its first write, or a reader's
  std::unique_ptr<MDB_env, Close> environment_;
  FileKey key_{};
  bool is_registered_ = false;  // guarded by the registry's mutex
  std::atomic<bool> is_broken_{false};
  unsigned meta_ = 0;
  unsigned passages_ = 0;

  std::mutex write_mutex_;  // one write or resize at a time; taken before mutex_
  std::mutex mutex_;        // guards what follows, and the map against being moved
  std::condition_variable changed_;
  bool resizing_ = false;
  std::size_t live_snapshots_ = 0;
  std::weak_ptr<const LmdbSnapshot> newest_;
};

}  // namespace deformer
