// Encoders of BERT's family, without what they are made of. Free of LibTorch.
#pragma once

#include <memory>

#include "deformer/model_config.h"

namespace deformer {

class Encoder;
class WeightScope;

// RoBERTa's is BERT's.
[[nodiscard]] std::unique_ptr<const Encoder> make_bert_encoder(const ModelConfig& config,
                                                               const WeightScope& scope);
[[nodiscard]] std::unique_ptr<const Encoder> make_mpnet_encoder(const ModelConfig& config,
                                                                const WeightScope& scope);
[[nodiscard]] std::unique_ptr<const Encoder> make_distilbert_encoder(const ModelConfig& config,
                                                                     const WeightScope& scope);
[[nodiscard]] std::unique_ptr<const Encoder> make_electra_encoder(const ModelConfig& config,
                                                                  const WeightScope& scope);

}  // namespace deformer
