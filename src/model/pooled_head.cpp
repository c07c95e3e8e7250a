#include "model/pooled_head.h"

#include <ATen/ATen.h>

#include <utility>

#include "base/check.h"
#include "model/encoder_parts.h"
#include "nn/activation.h"

namespace deformer {

PooledHead::PooledHead(std::int64_t hidden_size, std::int64_t outputs, PooledHeadForm form,
                       WeightLoader& weights)
    : form_(std::move(form)),
      pooler_(take_head_linear(WeightScope(weights, form_.pooler), hidden_size, hidden_size)),
      output_(take_head_linear(WeightScope(weights, form_.output), hidden_size, outputs)) {}

PooledHead::PooledHead(nn::Linear pooler, nn::Linear output, PooledHeadForm form)
    : form_(std::move(form)), pooler_(std::move(pooler)), output_(std::move(output)) {}

at::Tensor PooledHead::pool(const at::Tensor& cls) const {
  at::Tensor pooled = pooler_.forward(cls.to(at::kFloat));
  switch (form_.activation) {
    case PoolerActivation::kTanh:
      return pooled.tanh();
    case PoolerActivation::kRelu:
      return nn::activate(Activation::kRelu, std::move(pooled));
    case PoolerActivation::kGelu:
      return nn::activate(Activation::kGeluErf, std::move(pooled));
  }
  DEFORMER_CHECK(false);
  return pooled;
}

at::Tensor PooledHead::logits(const at::Tensor& hidden, const ForwardOptions& options) const {
  return output_.forward(drop(pool(hidden), options));
}

void PooledHead::append_parameters(std::vector<Parameter>& parameters) const {
  append_module(parameters, pooler_, {form_.pooler});
  append_module(parameters, output_, {form_.output});
}

}  // namespace deformer
