// The span head: start and end logit of each row.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/weights.h"
#include "nn/linear.h"

namespace deformer {

/// Dense(hidden -> 2), column 0 = start, 1 = end (`qa_outputs` of Hugging Face). Immutable, safe
/// for concurrent calls.
class SpanHead {
 public:
  SpanHead(std::int64_t hidden_size, const WeightScope& scope);

  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const;  // [rows, hidden] -> [rows, 2]

 private:
  nn::Linear linear_;
};

}  // namespace deformer
