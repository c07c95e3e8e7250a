// The files of an LMDB store, as the operating system sees them (docs/store_format.md, 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "deformer/error.h"

namespace deformer {

/// Names inside a store's directory, and what may be done there.
class LmdbFiles {
 public:
  /// Makes the directory when `create` is set and it is absent. Throws kNotFound when there is no
  /// store and none is to be made, kIncompatible when other files are in its place, kIo.
  LmdbFiles(const std::filesystem::path& directory, bool create);

  /// "lmdb:PATH" as it was given, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Absolute, as all files are: the process may change its working directory.
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }
  [[nodiscard]] std::filesystem::path data() const { return directory_ / "data.mdb"; }
  [[nodiscard]] std::filesystem::path lock() const { return directory_ / "lock.mdb"; }
  [[nodiscard]] std::filesystem::path writer_lock() const { return directory_ / "writer.lock"; }

  /// Device and inode of the data file; nothing when it is absent.
  [[nodiscard]] std::optional<std::pair<std::uint64_t, std::uint64_t>> key() const;
  /// Why the store cannot be written; empty when it can.
  [[nodiscard]] std::string why_read_only() const;
  /// Whether LMDB can keep its table of readers.
  [[nodiscard]] bool can_lock() const;
  [[nodiscard]] bool has_writer_lock() const;
  /// Makes lock files that are absent, with room on the disk for `bytes` of lock.mdb: LMDB writes
  /// there through a map, where a full disk would be a SIGBUS. Throws kResourceExhausted, kIo.
  void make_lock_files(std::size_t bytes) const;
  /// Makes the names of new files durable, and that of a new directory. Throws kResourceExhausted,
  /// kIo.
  void sync_names() const;
  /// Whether there is no data file, or one without a byte: what LMDB begins with.
  [[nodiscard]] bool is_new() const;
  /// Empties a data file that LMDB could not begin whole: it would be taken for damage ever after.
  void undo_beginning() const noexcept;
  /// ENOSPC when the disk has no room left to speak of, EFBIG when the data file is as long as this
  /// process may make a file (ulimit -f), else 0.
  [[nodiscard]] int why_no_room() const;

 private:
  void require_no_other_files() const;
  void make_directory() const;
  [[noreturn]] void fail(ErrorCode code, const std::string& message) const;

  std::string name_;
  std::filesystem::path directory_;
};

/// Whether so much address space is to be had.
[[nodiscard]] bool can_reserve_addresses(std::size_t bytes);

}  // namespace deformer
