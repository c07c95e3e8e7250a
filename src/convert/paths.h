// Questions about paths that never throw.
#pragma once

#include <filesystem>
#include <system_error>

namespace deformer {

/// False also where a directory on the way cannot be searched.
[[nodiscard]] inline bool is_there(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// True for an existing directory.
[[nodiscard]] inline bool is_folder(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace deformer
