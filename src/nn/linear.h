// y = activation(x W^T + b).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "deformer/runtime.h"
#include "deformer/types.h"
#include "nn/product_choice.h"

namespace deformer::nn {

/// A linear layer in the precision that the model was loaded with: fp32, fp16 and bf16 are the type
/// of the weight and of the arithmetic; a weight of fp16 in precision fp32 is multiplied in fp32.
/// Immutable, safe for concurrent calls. In int8 a row's result differs from the exact one by about
/// 1 % of the row's size. It does not depend on the other rows, in fp32 not beyond rounding (few
/// rows and many are multiplied by different code; with a weight of fp16 by the same).
class Linear {
 public:
  /// `weight` in the given order; `bias` of its type, as many values as the output has, or
  /// undefined. For int8 both are fp32; beside a weight of fp16 in precision fp32 the bias is fp32.
  Linear(at::Tensor weight, at::Tensor bias, Precision precision = Precision::kFp32,
         WeightOrder order = WeightOrder::kOutFirst);

  /// [rows, in] -> [rows, out]
  [[nodiscard]] at::Tensor forward(const at::Tensor& input,
                                   std::optional<Activation> activation = {}) const;

  /// As given to the constructor. Where another form of it is all that is used (int8; 16 bits on a
  /// CPU) only the shape is kept: no memory is behind the values.
  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }
  [[nodiscard]] std::int64_t out_features() const {
    return order_ == WeightOrder::kOutFirst ? weight_.size(0) : weight_.numel() / weight_.size(0);
  }

  /// What forward() uses for so many rows.
  [[nodiscard]] const Product& product_for(std::int64_t rows) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  WeightOrder order_;
  Products products_;
};

}  // namespace deformer::nn
