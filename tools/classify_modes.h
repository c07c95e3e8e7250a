// What deformer classify does with each kind of input.
#pragma once

#include "deformer/model_config.h"
#include "tools/classify_run.h"

namespace deformer::tools {

/// The configuration of a model that classifies; before its weights are read. Throws
/// kInvalidArgument for one that answers spans.
[[nodiscard]] ModelConfig load_classify_config(const ModelOptions& options);

/// --first and --second.
void classify_texts(const ModelConfig& config, const ClassifyOptions& options);
/// --data.
void classify_data(const ModelConfig& config, const ClassifyOptions& options);
/// deformer evaluate --data: the score alone. Throws kInvalidArgument where nothing can be scored.
void score_data(const ClassifyOptions& options);

}  // namespace deformer::tools
