// Writing a model directory as a whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

/// Throws kInvalidArgument when `directory` holds a model and `replace` is not set, kIo when it is
/// no directory.
void require_target(const std::filesystem::path& directory, bool replace);

/// What becomes of a tokenizer's files in the target that have no new counterpart.
enum class OldTokenizer {
  kRemove,
  kKeep,  ///< they belong to what was converted: the target is the source
};

/// A new directory, in the target where that stands already (it may be a file system of its own),
/// else beside it; removed with this object unless published. Not safe for concurrent calls.
class StagedDirectory {
 public:
  /// Makes the directories above the target too. Throws kIo, kResourceExhausted.
  explicit StagedDirectory(const std::filesystem::path& target);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Takes the target's place. Where a directory stands already, its other files stay: config.json
  /// goes first and comes last, so that an interruption leaves no mixture that would load. After a
  /// failure the old files are in their places again.
  void publish(OldTokenizer old_tokenizer);

 private:
  [[nodiscard]] std::vector<std::string> old_files(OldTokenizer old_tokenizer) const;
  void move_files(OldTokenizer old_tokenizer) const;

  std::filesystem::path target_;
  std::filesystem::path path_;
};

}  // namespace deformer
