// A linear layer's weight in fp16, multiplied in fp32.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <mutex>
#include <optional>

#include "nn/product.h"

namespace deformer::nn {

/// Whether this LibTorch and this processor have the product (FBGEMM's, x86-64 with AVX2), and a
/// tiny one comes out right. Asked once.
[[nodiscard]] bool has_fp16_weights();

/// Values of fp16 become fp32 in a register on their way into an fp32 multiply-add: weights that
/// are fp16 anyway are used exactly, at half the memory and half the traffic, which is what few
/// rows pay for. A row's result differs from the ordinary product's by the order of the sum alone
/// and with AVX-512 does not depend on the rows beside it in any bit, nor on the number of threads;
/// with AVX2 its last bits may, where one or two rows are left over of FBGEMM's six. The only
/// copy of the weight; laid out by the first product. Safe for concurrent calls; inside a parallel
/// region a call stays on its thread.
class Fp16Weight final : public Product {
 public:
  /// `weight` [out, in] on the CPU, any strides, any type: rounded to fp16, as a view until then.
  explicit Fp16Weight(at::Tensor weight);

  [[nodiscard]] ProductKind kind() const override { return ProductKind::kFp16; }
  [[nodiscard]] bool takes(std::int64_t /*rows*/) const override { return true; }

  /// All in fp32. Bias and activation are one pass, while the product of a block of rows is still
  /// in the cache.
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias,
                                    std::optional<Activation> activation = {}) const override;

 private:
  [[nodiscard]] const c10::IValue& packed() const;

  std::int64_t out_;
  mutable std::once_flag once_;
  mutable at::Tensor weight_;  // let go when laid out
  mutable c10::IValue packed_;
};

}  // namespace deformer::nn
