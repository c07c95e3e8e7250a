// Layer normalisation over the last dimension.
#pragma once

#include <ATen/core/Tensor.h>

namespace deformer::nn {

/// Immutable, safe for concurrent calls.
class LayerNorm {
 public:
  /// weight, bias [hidden]
  LayerNorm(at::Tensor weight, at::Tensor bias, double eps);

  [[nodiscard]] at::Tensor forward(
      const at::Tensor& input) const;  // [rows, hidden], same shape out

  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  double eps_;
};

}  // namespace deformer::nn
