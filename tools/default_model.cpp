#include "tools/default_model.h"

#include <cstdlib>
#include <system_error>

#include "base/file.h"
#include "deformer/error.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;

// The best one first.
constexpr const char* kBundled[] = {"squad-base", "squad-mini"};
// Of the installed tool, and of build/release/deformer.
constexpr const char* kPlaces[] = {"../share/deformer/models", "../../models"};

bool is_model(const fs::path& directory) {
  return is_there(directory / "config.json") &&
         (is_there(directory / "model.safetensors") ||
          is_there(directory / "model.safetensors.index.json"));
}

}  // namespace

fs::path find_bundled_model(const fs::path& program) {
  for (const char* name : kBundled) {
    for (const char* place : kPlaces) {
      fs::path directory = (program.parent_path() / place / name).lexically_normal();
      if (is_model(directory)) return directory;
    }
  }
  return {};
}

void choose_model(ModelOptions& options, const Talk& talk) {
  if (!options.model_dir.empty()) return;
  const char* const named = std::getenv("DEFORMER_MODEL");
  if (named != nullptr && *named != '\0') {
    options.model_dir = named;
    talk.note("model: " + options.model_dir + " (DEFORMER_MODEL)");
    return;
  }
  std::error_code ignored;
  options.model_dir = find_bundled_model(fs::read_symlink("/proc/self/exe", ignored)).string();
  if (options.model_dir.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "model: expected --model DIR or DEFORMER_MODEL, found neither, and no bundled model "
        "beside the tool");
  }
  talk.note("model: " + options.model_dir + " (bundled)");
}

}  // namespace deformer::tools
