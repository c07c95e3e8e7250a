// A learned score for each head and distance between a query and a key (T5, MPNet).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>

namespace deformer::nn {

/// As in T5 and MPNet: 16 for keys before the query, 16 for keys after it.
inline constexpr std::int64_t kDistanceBuckets = 32;

/// The bucket of a distance, key minus query. Distances below 8 have a bucket each, the others
/// share ever wider ones, from 91 on the last one of their side.
[[nodiscard]] std::int64_t distance_bucket(std::int64_t distance);

/// Makes what attention adds to its scores, from one weight that all layers share. Safe for
/// concurrent calls.
class DistanceBias {
 public:
  /// `weight` [kDistanceBuckets, heads], fp32.
  explicit DistanceBias(at::Tensor weight);

  /// [1, heads, length, length]: the score of query i and key j of a sequence of that length. A
  /// view of a table that is kept and grows with the longest length met; where the weight wants a
  /// gradient, made anew and differentiable.
  [[nodiscard]] at::Tensor scores(std::int64_t length) const;

  [[nodiscard]] const at::Tensor& weight() const { return weight_; }

 private:
  [[nodiscard]] at::Tensor make(std::int64_t length) const;

  at::Tensor weight_;
  mutable std::mutex mutex_;
  mutable at::Tensor kept_;  // undefined before the first call
};

}  // namespace deformer::nn
