#include "nn/linear.h"

#include <ATen/ATen.h>

#include <utility>

namespace deformer::nn {

Linear::Linear(at::Tensor weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

at::Tensor Linear::forward(const at::Tensor& input) const {
  return at::linear(input, weight_, bias_);
}

}  // namespace deformer::nn
