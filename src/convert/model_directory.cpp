#include "convert/model_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "deformer/error.h"
#include "text/tokenizer_files.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr std::array<const char*, 2> kWeightFiles{"model.safetensors",
                                                  "model.safetensors.index.json"};
constexpr const char* kOld = "old";  // in a staged directory: the target's own files

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

// Moves that are undone unless all of them are kept.
class Moves {
 public:
  Moves() = default;
  ~Moves() {
    std::error_code ignored;
    for (; !done_.empty(); done_.pop_back()) {
      fs::rename(done_.back().second, done_.back().first, ignored);
    }
  }
  Moves(const Moves&) = delete;
  Moves& operator=(const Moves&) = delete;

  void move(const fs::path& from, const fs::path& to) {
    move_to(from, to);
    done_.emplace_back(from, to);
  }
  void keep() { done_.clear(); }

 private:
  std::vector<std::pair<fs::path, fs::path>> done_;
};

// "DIR/" and "DIR" are one place.
fs::path without_slash(const fs::path& path) {
  return path.has_filename() || !path.has_parent_path() ? path : path.parent_path();
}

bool is_shard(const std::string& name) {
  int end = 0;  // set by a whole match
  std::sscanf(name.c_str(), "model-%*[0-9]-of-%*[0-9].safetensors%n", &end);
  return static_cast<std::size_t>(end) == name.size();
}

// What makes a directory a model.
std::vector<std::string> model_files() {
  std::vector<std::string> names{kConfig};
  names.insert(names.end(), kWeightFiles.begin(), kWeightFiles.end());
  names.insert(names.end(), kVocabularyFiles.begin(), kVocabularyFiles.end());
  return names;
}

}  // namespace

void require_target(const fs::path& directory, bool replace) {
  if (!is_there(directory)) return;
  if (!is_folder(directory)) {
    throw Error(ErrorCode::kIo, directory.string() + ": expected a directory, found a file");
  }
  if (replace) return;
  for (const std::string& name : model_files()) {
    if (!is_there(directory / name)) continue;
    throw Error(ErrorCode::kInvalidArgument, directory.string() +
                                                 ": expected no model there (--force replaces " +
                                                 "one), found " + name);
  }
}

StagedDirectory::StagedDirectory(const fs::path& target) : target_(without_slash(target)) {
  if (target_.has_parent_path()) make_directories(target_.parent_path());
  const fs::path place = is_there(target_) ? target_ / "" : target_;
  const std::string prefix = place.string() + ".tmp" + std::to_string(::getpid()) + "-";
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

void StagedDirectory::publish(OldTokenizer old_tokenizer) {
  if (is_there(target_)) {
    move_files(old_tokenizer);
    return;  // the destructor removes the old files
  }
  move_to(path_, target_);
  path_.clear();
}

// Names in the target that have to go, config.json first.
std::vector<std::string> StagedDirectory::old_files(OldTokenizer old_tokenizer) const {
  std::vector<std::string> names{kConfig};
  names.insert(names.end(), kWeightFiles.begin(), kWeightFiles.end());
  if (old_tokenizer == OldTokenizer::kRemove) {
    names.insert(names.end(), kTokenizerFiles.begin(), kTokenizerFiles.end());
  }
  for (const auto& entry : fs::directory_iterator(target_)) {
    const std::string name = entry.path().filename().string();
    if (is_shard(name)) names.push_back(name);
  }
  for (const auto& entry : fs::directory_iterator(path_)) {
    const std::string name = entry.path().filename().string();
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::erase_if(names, [&](const std::string& name) { return !is_there(target_ / name); });
  return names;
}

void StagedDirectory::move_files(OldTokenizer old_tokenizer) const {
  std::vector<fs::path> fresh;
  for (const auto& entry : fs::directory_iterator(path_)) fresh.push_back(entry.path().filename());
  // config.json comes last.
  std::partition(fresh.begin(), fresh.end(), [](const fs::path& name) { return name != kConfig; });
  const std::vector<std::string> old = old_files(old_tokenizer);
  make_directories(path_ / kOld);
  Moves moves;
  for (const std::string& name : old) moves.move(target_ / name, path_ / kOld / name);
  for (const fs::path& name : fresh) moves.move(path_ / name, target_ / name);
  moves.keep();
}

}  // namespace deformer
