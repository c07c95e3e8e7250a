// A linear layer's weight in 8 bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "nn/product.h"

namespace deformer::nn {

/// Whether this LibTorch and this machine have the int8 product (oneDNN's, x86-64), and a tiny one
/// comes out right. Asked once.
[[nodiscard]] bool has_int8();

/// weight ~ values * scales[out], quantised per output channel. Activations are quantised as they
/// come, per row: exact integer sums in between, so a row's result does not depend on its batch.
/// Immutable, safe for concurrent calls.
class Int8Weight final : public Product {
 public:
  /// `weight` [out, in] fp32, any strides; it is not kept.
  explicit Int8Weight(const at::Tensor& weight);

  [[nodiscard]] ProductKind kind() const override { return ProductKind::kInt8; }
  [[nodiscard]] bool takes(std::int64_t /*rows*/) const override { return true; }

  /// input [rows, in] fp32, `bias` [out] fp32 or undefined -> [rows, out] fp32.
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias,
                                    std::optional<Activation> activation = {}) const override;

 private:
  std::int64_t in_;
  std::int64_t out_;
  at::Tensor packed_;       // int8, laid out by oneDNN
  at::Tensor scales_;       // [out] fp32
  at::Tensor zero_points_;  // [out] zeros
};

/// The largest value that a quantised weight may have on this machine: 127 where the processor adds
/// products of bytes in 32 bits (VNNI), else 64, because two products, 2 * 255 * 64, must fit 16
/// bits.
[[nodiscard]] int largest_int8_weight();

}  // namespace deformer::nn
