// XLNet's record.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& xlnet_architecture();

/// Defined beside the encoder.
[[nodiscard]] std::unique_ptr<const Encoder> make_xlnet_encoder(const ModelConfig& config,
                                                                const WeightScope& scope);

}  // namespace deformer
