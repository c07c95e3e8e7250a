#include "nn/layer_norm.h"

#include <ATen/ATen.h>

#include <utility>

namespace deformer::nn {

LayerNorm::LayerNorm(at::Tensor weight, at::Tensor bias, double eps)
    : weight_(std::move(weight)), bias_(std::move(bias)), eps_(eps) {}

at::Tensor LayerNorm::forward(const at::Tensor& input) const {
  return at::layer_norm(input, weight_.sizes(), weight_, bias_, eps_);
}

}  // namespace deformer::nn
