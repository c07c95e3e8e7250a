// The parts of a model that hold weights, as its architecture makes them.
#pragma once

#include <memory>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/pooled_head.h"
#include "model/weights.h"

namespace deformer {

/// Takes the encoder's weights from the loader's root.
[[nodiscard]] std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config,
                                                          WeightLoader& weights);

/// The head for classes or choices, with as many outputs as the checkpoint has; null where it has
/// none.
[[nodiscard]] std::unique_ptr<const PooledHead> load_pooled_head(const ModelConfig& config,
                                                                 WeightLoader& weights);

}  // namespace deformer
