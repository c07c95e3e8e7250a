// A linear layer's weight as it was given.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "nn/product.h"

namespace deformer::nn {

/// Which side of a layer a weight's first dimension is; the others are the other side's.
enum class WeightOrder : std::uint8_t {
  kOutFirst,  ///< [out, in...]
  kInFirst,   ///< [in, out...]
};

/// LibTorch's ordinary product: on any device, in any type, differentiable.
class PlainProduct final : public Product {
 public:
  /// Keeps `weight` itself: what changes it later (training) counts.
  PlainProduct(at::Tensor weight, WeightOrder order);

  [[nodiscard]] ProductKind kind() const override { return ProductKind::kPlain; }
  [[nodiscard]] bool takes(std::int64_t /*rows*/) const override { return true; }
  [[nodiscard]] at::Tensor multiply(const at::Tensor& input, const at::Tensor& bias,
                                    std::optional<Activation> activation = {}) const override;

 private:
  [[nodiscard]] at::Tensor product(const at::Tensor& input, const at::Tensor& bias) const;

  at::Tensor weight_;
  WeightOrder order_;
};

}  // namespace deformer::nn
