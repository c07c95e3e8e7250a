// A read-only file in memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace deformer {

/// Maps a whole file read-only; the mapping lives as long as the object. Immutable, safe for
/// concurrent calls. A file that another process truncates while it is mapped raises SIGBUS on
/// access: replace model files by rename, do not rewrite them.
class MappedFile {
 public:
  /// Throws kNotFound, kIo (also for a directory or a pipe). An empty file maps to an empty span.
  [[nodiscard]] static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace deformer
