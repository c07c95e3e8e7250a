#include "train/gradient_sum.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <cstdint>

namespace deformer {

void sum_gradients(const std::vector<Parameter>& parameters, std::vector<double>& more,
                   ProcessGroup& group) {
  const torch::autograd::AutoGradMode no_gradient(false);
  std::vector<float> values;
  for (const Parameter& parameter : parameters) {
    at::Tensor& gradient = parameter.value.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(parameter.value);
    const at::Tensor flat = gradient.to(at::kCPU).contiguous();
    const auto* data = flat.const_data_ptr<float>();
    values.insert(values.end(), data, data + flat.numel());
  }
  const std::size_t gradients = values.size();
  values.insert(values.end(), more.begin(), more.end());
  group.sum(values);
  auto* at = values.data();
  for (const Parameter& parameter : parameters) {
    const at::Tensor& gradient = parameter.value.grad();
    gradient.copy_(at::from_blob(at, gradient.sizes(), at::kFloat));
    at += gradient.numel();
  }
  std::copy(values.begin() + static_cast<std::ptrdiff_t>(gradients), values.end(), more.begin());
}

}  // namespace deformer
