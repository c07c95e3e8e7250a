#include "model/xlnet_distances.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "model/encoder_parts.h"
#include "nn/attention_type.h"

namespace deformer {
namespace {

constexpr double kLongestWave = 10000;

bool can_change(std::span<const at::Tensor> weights) {
  return std::any_of(weights.begin(), weights.end(),
                     [](const at::Tensor& weight) { return !weight.is_inference(); });
}

}  // namespace

at::Tensor make_sinusoids(std::int64_t reach, std::int64_t hidden) {
  // In double: in float the angle of a distance of 300 is off by 1e-5.
  const auto options = at::TensorOptions(at::kDouble);
  const at::Tensor exponents = at::arange(0, hidden, 2, options) / static_cast<double>(hidden);
  const at::Tensor frequencies = at::pow(kLongestWave, -exponents);
  const at::Tensor angles = at::outer(at::arange(reach, -reach - 1, -1, options), frequencies);
  return at::cat({angles.sin(), angles.cos()}, 1).to(at::kFloat);
}

std::vector<nn::DistanceTable> XlnetDistances::make(std::span<const at::Tensor> weights,
                                                    std::int64_t reach,
                                                    const ForwardOptions& options) const {
  const at::Tensor sinusoids =
      drop(make_sinusoids(reach, sizes_.hidden).to(weights.front().device()), options);
  const double scale = 1 / std::sqrt(static_cast<double>(sizes_.head));
  std::vector<nn::DistanceTable> tables;
  tables.reserve(weights.size());
  for (const at::Tensor& weight : weights) {
    // The type that attention is computed in, so that it need not convert them each time.
    const at::ScalarType type = nn::attends_in_fp32(weight) ? at::kFloat : weight.scalar_type();
    const at::Tensor keys = (at::mm(sinusoids, weight.flatten(1).to(at::kFloat)) * scale).to(type);
    tables.push_back(
        {keys.unflatten(1, {sizes_.heads, sizes_.head}).permute({1, 2, 0}).contiguous(), reach});
  }
  return tables;
}

std::vector<nn::DistanceTable> XlnetDistances::tables(std::span<const at::Tensor> weights,
                                                      const LayerRange& layers, std::int64_t reach,
                                                      const ForwardOptions& options) {
  if (options.dropout > 0 || can_change(weights)) {
    return make(weights.subspan(layers.first, layers.last - layers.first), reach, options);
  }
  const std::lock_guard lock(mutex_);
  if (kept_.empty() || kept_.front().reach < reach)
    kept_ = make(weights, nn::rounded_reach(reach), options);
  return {kept_.begin() + static_cast<std::ptrdiff_t>(layers.first),
          kept_.begin() + static_cast<std::ptrdiff_t>(layers.last)};
}

}  // namespace deformer
