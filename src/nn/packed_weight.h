// A linear layer's fp32 weight laid out for products of few rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>
#include <utility>

namespace deformer::nn {

/// Whether this LibTorch has oneDNN's product with a weight that is laid out beforehand.
[[nodiscard]] bool has_packed_product();

/// With few rows the ordinary product spends much of its time on laying out the weight, again in
/// every call: a question's 15 or 27 rows take 1.3 to 1.5 times as long, 64 to 128 rows 1.1 times,
/// and from 256 rows on nothing is gained (docs/performance.md, "Products"). The laid out weight is
/// made by the first product and kept beside the other: a model that is never asked with few rows
/// holds its weights once. Safe for concurrent calls.
class PackedWeight {
 public:
  /// Rows up to which the product is the faster one.
  static constexpr std::int64_t kMostRows = 192;

  /// `weight` [out, in] fp32 on the CPU, any strides, as a view: it must not change any more.
  explicit PackedWeight(at::Tensor weight) : weight_(std::move(weight)) {}

  /// input [rows, in], `bias` [out] or undefined -> [rows, out]. A row's result differs from the
  /// ordinary product's by rounding, and does not depend on the rows beside it.
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias) const;

 private:
  [[nodiscard]] const at::Tensor& packed() const;

  at::Tensor weight_;
  mutable std::once_flag once_;
  mutable at::Tensor packed_;
};

}  // namespace deformer::nn
