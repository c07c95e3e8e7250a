#include "model/span_head.h"

#include <ATen/ATen.h>

#include <string>
#include <utility>

namespace deformer {

SpanHead::SpanHead(std::int64_t hidden_size, const WeightScope& scope)
    : linear_(scope.take_fp32("weight", {2, hidden_size}), scope.take_fp32("bias", {2})) {}

SpanHead::SpanHead(at::Tensor weight, at::Tensor bias)
    : linear_(std::move(weight), std::move(bias)) {}

void SpanHead::append_parameters(std::vector<Parameter>& parameters) const {
  parameters.push_back({linear_.weight(), {std::string(kName) + ".weight"}});
  parameters.push_back({linear_.bias(), {std::string(kName) + ".bias"}});
}

at::Tensor SpanHead::logits(const at::Tensor& hidden, const ForwardOptions& /*options*/) const {
  return linear_.forward(hidden.to(at::kFloat));
}

}  // namespace deformer
