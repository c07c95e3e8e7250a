// What a Model is made of, for those who have the parts already.
#pragma once

#include <memory>

#include "deformer/encoder.h"
#include "deformer/model.h"
#include "model/head.h"

namespace deformer {

struct ModelParts {
  ModelConfig config;
  Runtime runtime;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const Head> head;  ///< for the configuration's task
  std::unique_ptr<const Encoder> encoder;
};

}  // namespace deformer
