// The model of verbs that are not told one.
#pragma once

#include <filesystem>
#include <string>

#include "tools/model_options.h"
#include "tools/talk.h"

namespace deformer::tools {

/// Gives `options` a model directory where it has none: what DEFORMER_MODEL names, else a bundled
/// one. Notes which one it took. Throws kInvalidArgument where there is none.
void choose_model(ModelOptions& options, const Talk& talk);

/// The first of the bundled models that `program`, the tool's own path, finds: installed below
/// ../share/deformer/models, or in the source tree that it was built in. Empty where none is.
[[nodiscard]] std::filesystem::path find_bundled_model(const std::filesystem::path& program);

}  // namespace deformer::tools
