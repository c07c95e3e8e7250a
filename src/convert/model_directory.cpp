#include "convert/model_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
// What makes a directory a model, or takes precedence over what is written here.
constexpr std::array<const char*, 9> kModelFiles{
    kConfig,         "model.safetensors", "model.safetensors.index.json", "vocab.txt",
    "vocab.json",    "spiece.model",      "sentencepiece.bpe.model",      "spm.model",
    "tokenizer.json"};

[[noreturn]] void fail(const fs::path& path, const char* action, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device;
  throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kIo,
              path.string() + ": cannot " + action + ": " + error.message());
}

void move_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail(to, "move the new file there", error);
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) fail(path, "remove", error);
}

// "DIR/" and "DIR" are one place.
fs::path without_slash(const fs::path& path) {
  return path.has_filename() || !path.has_parent_path() ? path : path.parent_path();
}

bool is_shard(const std::string& name) {
  int end = 0;  // set by a whole match
  std::sscanf(name.c_str(), "model-%*[0-9]-of-%*[0-9].safetensors%n", &end);
  return static_cast<std::size_t>(end) == name.size();
}

}  // namespace

void require_target(const fs::path& directory, bool replace) {
  if (!is_there(directory)) return;
  if (!is_folder(directory)) {
    throw Error(ErrorCode::kIo, directory.string() + ": expected a directory, found a file");
  }
  if (replace) return;
  for (const char* name : kModelFiles) {
    if (!is_there(directory / name)) continue;
    throw Error(ErrorCode::kInvalidArgument, directory.string() +
                                                 ": expected no model there (--force replaces " +
                                                 "one), found " + name);
  }
}

StagedDirectory::StagedDirectory(const fs::path& target) : target_(without_slash(target)) {
  if (target_.has_parent_path()) make_directories(target_.parent_path());
  const std::string prefix = target_.string() + ".tmp" + std::to_string(::getpid()) + "-";
  for (int i = 0; path_.empty(); ++i) {
    const std::string path = prefix + std::to_string(i);
    if (::mkdir(path.c_str(), 0777) == 0) {
      path_ = path;
    } else if (errno != EEXIST) {
      fail(path, "create the directory", std::error_code(errno, std::generic_category()));
    }
  }
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void StagedDirectory::publish() {
  if (is_there(target_)) {
    move_files();
    return;  // the destructor removes the empty directory
  }
  move_to(path_, target_);
  path_.clear();
}

void StagedDirectory::remove_old_shards() const {
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(target_)) {
    const fs::path name = entry.path().filename();
    if (is_shard(name.string()) && !is_there(path_ / name)) old.push_back(name);
  }
  for (const fs::path& name : old) remove_file(target_ / name);
}

void StagedDirectory::move_files() const {
  for (const char* name : kModelFiles) {
    // A new file replaces the old one by its rename.
    if (name == kConfig || !is_there(path_ / name)) remove_file(target_ / name);
  }
  remove_old_shards();
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename() != kConfig)
      move_to(entry.path(), target_ / entry.path().filename());
  }
  move_to(path_ / kConfig, target_ / kConfig);
}

}  // namespace deformer
