#include "model/pooled_head.h"

#include <ATen/ATen.h>

#include <utility>

#include "model/encoder_parts.h"

namespace deformer {

PooledHead::PooledHead(std::int64_t hidden_size, std::int64_t outputs, PooledHeadNames names,
                       WeightLoader& weights)
    : names_(std::move(names)),
      pooler_(take_head_linear(WeightScope(weights, names_.pooler), hidden_size, hidden_size)),
      output_(take_head_linear(WeightScope(weights, names_.output), hidden_size, outputs)) {}

PooledHead::PooledHead(nn::Linear pooler, nn::Linear output, PooledHeadNames names)
    : names_(std::move(names)), pooler_(std::move(pooler)), output_(std::move(output)) {}

at::Tensor PooledHead::pool(const at::Tensor& cls) const {
  return pooler_.forward(cls.to(at::kFloat)).tanh();
}

at::Tensor PooledHead::logits(const at::Tensor& pooled, const ForwardOptions& options) const {
  return output_.forward(drop(pooled, options));
}

void PooledHead::append_parameters(std::vector<Parameter>& parameters) const {
  append_module(parameters, pooler_, {names_.pooler});
  append_module(parameters, output_, {names_.output});
}

}  // namespace deformer
