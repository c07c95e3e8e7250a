// One way to multiply rows with a linear layer's weight.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "deformer/types.h"

namespace deformer::nn {

enum class ProductKind : std::uint8_t {
  kPlain,   ///< LibTorch's ordinary product, which takes any weight, device and gradient
  kPacked,  ///< oneDNN's, with a weight that is laid out beforehand
  kFp16,    ///< FBGEMM's: fp32 arithmetic with a weight that is laid out in fp16
  kInt8,    ///< oneDNN's product of bytes
};

/// "plain", "packed", "fp16", "int8".
[[nodiscard]] std::string to_string(ProductKind kind);

/// A weight [out, in] in the form that one product wants. Immutable, safe for concurrent calls.
class Product {
 public:
  Product() = default;
  virtual ~Product() = default;
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  [[nodiscard]] virtual ProductKind kind() const = 0;

  /// Whether it is the one to use for so many rows.
  [[nodiscard]] virtual bool takes(std::int64_t rows) const = 0;

  /// input [rows, in], `bias` [out] or undefined -> activation(product + bias) [rows, out].
  [[nodiscard]] virtual at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias,
                                            std::optional<Activation> activation = {}) const = 0;
};

}  // namespace deformer::nn
