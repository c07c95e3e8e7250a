#include "model/span_head.h"

#include <ATen/ATen.h>

namespace deformer {

SpanHead::SpanHead(std::int64_t hidden_size, const WeightScope& scope)
    : linear_(scope.take("weight", {2, hidden_size}), scope.take("bias", {2})) {}

at::Tensor SpanHead::logits(const at::Tensor& hidden) const {
  return linear_.forward(hidden);
}

}  // namespace deformer
