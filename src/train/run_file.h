// The safetensors files that a run writes for itself, told from others by their metadata.
#pragma once

#include <filesystem>
#include <string>

#include "format/safetensors.h"

namespace deformer {

/// A kind of such files.
struct RunFileKind {
  const char* format;
  const char* version;
  const char* name;  ///< for messages: "a training state"
};

/// One of them, opened.
class RunFile {
 public:
  /// Throws kNotFound, kCorrupt, and kIncompatible for a file of another kind or version.
  RunFile(const std::filesystem::path& path, const RunFileKind& kind);

  /// Whether the metadata has the key.
  [[nodiscard]] bool has(const char* key) const { return file_.metadata().contains(key); }
  /// Of the metadata. Throws kIncompatible where it is absent.
  [[nodiscard]] const std::string& value(const char* key) const;
  [[nodiscard]] const TensorView* find(std::string_view tensor) const { return file_.find(tensor); }
  /// The path, for messages.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
  RunFileKind kind_;
  SafetensorsFile file_;
};

/// What identifies a file of that kind, for its metadata.
[[nodiscard]] Metadata metadata_of(const RunFileKind& kind);

}  // namespace deformer
