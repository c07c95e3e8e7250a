// y = activation(x W^T + b).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "deformer/device.h"
#include "deformer/model_config.h"

namespace deformer::nn {

class Int8Weight;
class PackedWeight;

/// Which side of a layer a weight's first dimension is; the others are the other side's.
enum class WeightOrder : std::uint8_t {
  kOutFirst,  ///< [out, in...]
  kInFirst,   ///< [in, out...]
};

/// A linear layer in the precision that the model was loaded with: fp32, fp16 and bf16 are the type
/// of the weight. Immutable, safe for concurrent calls. In int8 a row's result differs from the
/// exact one by about 1 % of the row's size. It does not depend on the other rows, in fp32 not
/// beyond rounding (few rows and many are multiplied by different code).
class Linear {
 public:
  /// `weight` in the given order; `bias` of its type, as many values as the output has, or
  /// undefined. For int8 both are fp32.
  Linear(at::Tensor weight, at::Tensor bias, Precision precision = Precision::kFp32,
         WeightOrder order = WeightOrder::kOutFirst);

  /// [rows, in] -> [rows, out]
  [[nodiscard]] at::Tensor forward(const at::Tensor& input,
                                   std::optional<Activation> activation = {}) const;

  /// As given to the constructor. Where another form of it is all that is used (int8; fp16 and bf16
  /// on a CPU) only the shape is kept: no memory is behind the values.
  [[nodiscard]] const at::Tensor& weight() const { return weight_; }
  [[nodiscard]] const at::Tensor& bias() const { return bias_; }
  [[nodiscard]] std::int64_t out_features() const {
    return order_ == WeightOrder::kOutFirst ? weight_.size(0) : weight_.numel() / weight_.size(0);
  }

 private:
  // With the weight as it was given.
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias) const;
  [[nodiscard]] at::Tensor plain_product(const at::Tensor& input, const at::Tensor& bias) const;

  at::Tensor weight_;
  at::Tensor bias_;
  WeightOrder order_;
  std::shared_ptr<const Int8Weight> int8_;      // null: another precision
  std::shared_ptr<const PackedWeight> packed_;  // null: not to be had
};

}  // namespace deformer::nn
