// A linear layer's weight laid out beforehand, as oneDNN wants it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "nn/product.h"

namespace deformer::nn {

/// Whether this LibTorch has oneDNN's product with a weight that is laid out beforehand, and a tiny
/// one comes out right. Asked once.
[[nodiscard]] bool has_packed_product();

/// The ordinary product lays out the weight again in every call. In fp32 that is much of its time
/// with few rows: a question's 15 or 27 take 1.3 to 2 times as long; how far it goes depends on the
/// machine (docs/design_measurements.md, "Products"). In bf16 and fp16 the product itself is so
/// fast that any number of rows gains. The laid out weight is made by the first product. In fp32 it
/// is kept beside the other one: a model that is never asked with few rows holds its weights once.
/// Safe for concurrent calls.
class PackedWeight final : public Product {
 public:
  /// `weight` [out, in] on the CPU, any strides, as a view: it must not change any more. Takes as
  /// many rows as is_packed_count() says, which may measure.
  explicit PackedWeight(at::Tensor weight) : weight_(std::move(weight)) {}
  /// Takes up to `most_rows`.
  PackedWeight(at::Tensor weight, std::int64_t most_rows)
      : most_rows_(most_rows), weight_(std::move(weight)) {}

  [[nodiscard]] ProductKind kind() const override { return ProductKind::kPacked; }
  [[nodiscard]] bool takes(std::int64_t rows) const override;

  /// input [rows, in] of the weight's type, `bias` [out] of it or undefined -> activation(product)
  /// [rows, out]. A row's result differs from the ordinary product's by rounding, and does not
  /// depend on the rows beside it. In bf16 and fp16 the activation is part of the product, which is
  /// rounded after it: a fifth less time for a feed-forward layer. In fp32 it is with AVX-512 (a
  /// fiftieth less), and a pass of its own with AVX2, where that is faster.
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias,
                                    std::optional<Activation> activation = {}) const override;

 private:
  [[nodiscard]] const at::Tensor& packed() const;

  std::optional<std::int64_t> most_rows_;  // absent: the machine's
  mutable std::once_flag once_;
  mutable at::Tensor weight_;  // let go when laid out
  mutable at::Tensor packed_;
};

}  // namespace deformer::nn
