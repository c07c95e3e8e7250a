// DeBERTa v2 and v3 (He et al., 2021): BERT's layers, whose attention scores contents and distances
// apart.
#pragma once

#include <memory>

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& deberta_architecture();

[[nodiscard]] std::unique_ptr<const Encoder> make_deberta_encoder(const ModelConfig& config,
                                                                  const WeightScope& scope);

}  // namespace deformer
