// The weights that a model must and may have, and those of a source among them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "convert/name_map.h"
#include "deformer/model_config.h"

namespace deformer {

struct WeightSelection {
  std::vector<NamedWeight> weights;    ///< by name
  std::vector<SkippedTensor> skipped;  ///< of no use to any model, as is_commonly_unused() knows
  std::vector<std::string> unused;     ///< source names
  bool span_head = false;
  bool class_head = false;
  std::int64_t classes = 0;  ///< of the class head; 1: scores of choices
};

/// The encoder's weights must all be there, in the shapes that the configuration gives them; heads,
/// the pooler and XLNet's mask embedding may be, each as a whole. What ordinary checkpoints carry
/// besides is skipped. Everything else, and what the map could not name, is unused: refused unless
/// `allow_unused`. Throws one kIncompatible that lists missing, misshapen (or no floating-point)
/// and unused tensors.
[[nodiscard]] WeightSelection select_weights(NameMap map, const ModelConfig& config,
                                             const CheckpointSource& source, bool allow_unused);

}  // namespace deformer
