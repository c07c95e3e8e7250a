// Writing a model directory as a whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace deformer {

/// Throws kInvalidArgument when `directory` holds a model and `replace` is not set, kIo when it is
/// no directory.
void require_target(const std::filesystem::path& directory, bool replace);

/// A directory beside the target, removed with this object unless published. Not safe for
/// concurrent calls.
class StagedDirectory {
 public:
  /// Makes the directories above the target too. Throws kIo, kResourceExhausted.
  explicit StagedDirectory(const std::filesystem::path& target);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Takes the target's place. Where a directory stands already, its other files stay: config.json
  /// is removed first and comes last, so that an interruption leaves no mixture that would load.
  void publish();

 private:
  void remove_old_shards() const;
  void move_files() const;

  std::filesystem::path target_;
  std::filesystem::path path_;
};

}  // namespace deformer
