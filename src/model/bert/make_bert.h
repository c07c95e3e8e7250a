// An encoder of BERT's family, without what it is made of. Free of LibTorch.
#pragma once

#include <memory>

#include "deformer/model_config.h"
#include "model/bert/bert_names.h"

namespace deformer {

class Encoder;
class WeightScope;

[[nodiscard]] std::unique_ptr<const Encoder> make_bert_encoder(const ModelConfig& config,
                                                               const BertNames& names,
                                                               const WeightScope& scope);

}  // namespace deformer
