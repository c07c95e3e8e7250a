// The one place that knows which architectures exist.
#pragma once

#include <memory>
#include <string_view>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/weights.h"

namespace deformer {

/// Takes the encoder's weights from the loader's root.
[[nodiscard]] std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config,
                                                          WeightLoader& weights);

/// True for the embeddings and the weights of layers [0, split_layer): what a stored hidden state
/// depends on.
[[nodiscard]] bool is_lower_weight(const ModelConfig& config, std::string_view name);

}  // namespace deformer
