// The one place that knows which architectures exist.
#pragma once

#include <memory>
#include <string_view>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/pooled_head.h"
#include "model/weights.h"

namespace deformer {

/// Takes the encoder's weights from the loader's root.
[[nodiscard]] std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config,
                                                          WeightLoader& weights);

/// Of a class reader, or of one that rates choices: MPNet's differ. kSpan counts as a class reader.
[[nodiscard]] PooledHeadNames pooled_head_names(Architecture architecture, Task task);

/// The head for classes or choices, with as many outputs as the checkpoint has; null where it has
/// none.
[[nodiscard]] std::unique_ptr<const PooledHead> load_pooled_head(const ModelConfig& config,
                                                                 WeightLoader& weights);

/// Products of every row with every other one that a head of a layer makes: the scores of the
/// contents, their use, and where positions are relative the scores of the positions.
[[nodiscard]] int attention_products(Architecture architecture);

/// True for the embeddings, for what all layers share and the weights of layers [0, split_layer):
/// what a stored hidden state depends on.
[[nodiscard]] bool is_lower_weight(const ModelConfig& config, std::string_view name);

/// True for the attention of the first upper layer: what projections depend on beside the states
/// (Encoder::project()). What all layers share is a lower weight.
[[nodiscard]] bool is_projection_weight(const ModelConfig& config, std::string_view name);

}  // namespace deformer
