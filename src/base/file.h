// Whole-file reads, all-or-nothing writes, and questions about paths that never throw.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace deformer {

/// False also where a directory on the way cannot be searched.
[[nodiscard]] bool is_there(const std::filesystem::path& path) noexcept;

/// False also where a directory on the way cannot be searched: whoever then opens the file says so.
[[nodiscard]] bool is_absent(const std::filesystem::path& path) noexcept;

/// True for an existing directory.
[[nodiscard]] bool is_folder(const std::filesystem::path& path) noexcept;

/// Throws kNotFound when absent, kIo for a directory or a failed read, kInvalidArgument when larger
/// than `max_bytes`.
[[nodiscard]] std::string read_file(const std::filesystem::path& path,
                                    std::size_t max_bytes = std::size_t{4} << 30);

/// Writes to a temporary file in the target's directory, without a name where the system has such;
/// commit() makes it durable and puts it in the target's place, whose permissions are kept. Without
/// commit() nothing is left behind and an existing target is untouched. Errors: kNotFound (no such
/// directory), kIo (also a target that is protected from writing), kResourceExhausted (disk full).
/// When the target is an existing non-regular file (a pipe, /dev/full) or /dev/stdout it is written
/// directly, at its end. A link stays one: the file that it points to is replaced, or made. One
/// object is not safe for concurrent calls; distinct objects are.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void commit();

 private:
  void create_temporary();
  /// Gives `take` new names until it has taken one.
  template <typename Take>
  void take_name(const Take& take);
  [[noreturn]] void fail(const char* action) const;

  std::filesystem::path target_;
  std::string temporary_;  // empty while the file has no name of its own
  bool is_direct_ = true;  // the target itself is written
  int descriptor_ = -1;
};

/// AtomicFile in one call.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Makes the names in a directory durable: a new file, or one that was renamed, is there after a
/// power cut only once its directory is. "" is the working directory. False with errno set when the
/// disk fails; true where a directory cannot be opened or synced at all.
[[nodiscard]] bool sync_directory(const std::filesystem::path& directory);

/// Creates a directory and those above it; nothing to do where it exists. Throws kIo (also when a
/// file stands there), kResourceExhausted.
void make_directories(const std::filesystem::path& path);

}  // namespace deformer
