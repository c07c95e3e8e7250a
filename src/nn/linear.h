// y = x W^T + b.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace deformer::nn {

/// A linear layer in the precision that the model was loaded with. Immutable, safe for concurrent
/// calls.
class Linear {
 public:
  /// weight [out, in], bias [out], both fp32.
  Linear(at::Tensor weight, at::Tensor bias);

  [[nodiscard]] at::Tensor forward(const at::Tensor& input) const;  // [rows, in] -> [rows, out]

  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }
  [[nodiscard]] std::int64_t in_features() const { return weight_.size(1); }
  [[nodiscard]] std::int64_t out_features() const { return weight_.size(0); }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace deformer::nn
