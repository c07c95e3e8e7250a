// How fast plain matrix products are: what the speed of a pass is compared with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "bench/products.h"
#include "nn/placement.h"

namespace deformer {

/// Times plain products, at::linear with bias, of the shapes that a pass computes, where and in the
/// type that a model computes them in (fp32 for int8). Each shape has several weights that take
/// turns, as a model's layers do, so that a product of few rows does not find its weight in the
/// cache. Not safe for concurrent calls.
class Roof {
 public:
  /// Seconds that the linear products of the pass take: each shape is timed once, or a few times
  /// where it has few rows, and multiplied.
  [[nodiscard]] double seconds(const PassProducts& products, const nn::Placement& placement);

 private:
  struct Weights {
    std::vector<std::pair<at::Tensor, at::Tensor>> sets;  // weight, bias
    std::size_t next = 0;
  };
  using Key = std::tuple<std::int64_t, std::int64_t, c10::DeviceType, at::ScalarType>;

  [[nodiscard]] Weights& weights(const LinearProduct& product, const nn::Placement& placement);
  [[nodiscard]] double time(const LinearProduct& product, const nn::Placement& placement);

  std::map<Key, Weights> weights_;
};

}  // namespace deformer
