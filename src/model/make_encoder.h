// The parts of a model that hold weights, as its architecture makes them.
#pragma once

#include <memory>
#include <string_view>

#include "architecture/architecture.h"
#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/pooled_head.h"
#include "model/weights.h"

namespace deformer {

/// Makes an encoder of one kind from the weights below the architecture's root.
using EncoderFactory = std::unique_ptr<const Encoder> (*)(const Architecture& architecture,
                                                          const ModelConfig& config,
                                                          const WeightScope& scope);

/// Adds what records name as Architecture::encoder. "bert", "xlnet" and "deberta" are there. Not
/// safe beside other calls.
void register_encoder(std::string_view name, EncoderFactory make);

/// Takes the encoder's weights from the loader's root.
[[nodiscard]] std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config,
                                                          WeightLoader& weights);

/// The head for classes or choices, with as many outputs as the checkpoint has; null where it has
/// none.
[[nodiscard]] std::unique_ptr<const PooledHead> load_pooled_head(const ModelConfig& config,
                                                                 WeightLoader& weights);

}  // namespace deformer
