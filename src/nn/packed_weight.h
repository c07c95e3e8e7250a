// A linear layer's weight laid out beforehand, as oneDNN wants it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>
#include <optional>

#include "deformer/model_config.h"

namespace deformer::nn {

/// Whether this LibTorch has oneDNN's product with a weight that is laid out beforehand.
[[nodiscard]] bool has_packed_product();

/// The ordinary product lays out the weight again in every call. In fp32 that is much of its time
/// with few rows: a question's 15 or 27 take 1.3 to 2 times as long, 64 to 128 rows 1.1 to 1.4
/// times; from 256 rows on nothing is gained with AVX2, with AVX-512 a tenth still at 400
/// (docs/performance.md, "Products"). In bf16 and fp16 the product itself is so fast that any
/// number of rows gains. The laid out weight is made by the first product. In fp32 it is kept
/// beside the other one: a model that is never asked with few rows holds its weights once. Safe for
/// concurrent calls.
class PackedWeight {
 public:
  /// `weight` [out, in] on the CPU, any strides, as a view: it must not change any more.
  explicit PackedWeight(at::Tensor weight);

  /// Whether this is the faster product for so many rows.
  [[nodiscard]] bool takes(std::int64_t rows) const;
  /// Whether it is for every number: then nothing else needs the weight.
  [[nodiscard]] bool takes_all_rows() const { return takes_all_rows_; }

  /// input [rows, in] of the weight's type, `bias` [out] of it or undefined -> activation(product)
  /// [rows, out]. A row's result differs from the ordinary product's by rounding, and does not
  /// depend on the rows beside it. In bf16 and fp16 the activation is part of the product, which is
  /// rounded after it: a fifth less time for a feed-forward layer. In fp32 it is with AVX-512 (a
  /// fiftieth less), and a pass of its own with AVX2, where that is faster.
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias,
                                    std::optional<Activation> activation = {}) const;

 private:
  [[nodiscard]] const at::Tensor& packed() const;

  bool takes_all_rows_;
  mutable std::once_flag once_;
  mutable at::Tensor weight_;  // let go when laid out
  mutable at::Tensor packed_;
};

}  // namespace deformer::nn
