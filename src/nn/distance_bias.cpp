#include "nn/distance_bias.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/check.h"
#include "nn/transfer.h"

namespace deformer::nn {
namespace {

// So that texts of slowly growing length do not make the table anew each time.
constexpr std::int64_t kSmallestTable = 64;

}  // namespace

// T5 adds log(size / 8) / log(128 / 8) * 8, rounded down, to the first 8. The same without
// logarithms, whose rounding at the ends of a bucket differs between processors: bucket 8 + k
// begins where size^2 = 64 * 2^k.
std::int64_t distance_bucket(std::int64_t distance) {
  constexpr std::int64_t kHalf = kDistanceBuckets / 2;
  constexpr std::int64_t kExact = kHalf / 2;
  const std::int64_t first = distance > 0 ? kHalf : 0;
  const std::int64_t size = std::abs(distance);
  if (size < kExact) return first + size;
  std::int64_t bucket = kExact;
  // size < 2^31 in every model.
  while (bucket < kHalf - 1 && size * size >= (kExact * kExact) << (bucket + 1 - kExact)) ++bucket;
  return first + bucket;
}

DistanceBias::DistanceBias(at::Tensor weight) : weight_(std::move(weight)) {
  DEFORMER_CHECK(weight_.dim() == 2 && weight_.size(0) == kDistanceBuckets);
}

at::Tensor DistanceBias::make(std::int64_t length) const {
  std::vector<std::int64_t> buckets;
  buckets.reserve(static_cast<std::size_t>(length * length));
  std::vector<std::int64_t> by_distance;
  for (std::int64_t distance = 1 - length; distance < length; ++distance) {
    by_distance.push_back(distance_bucket(distance));
  }
  for (std::int64_t query = 0; query < length; ++query) {
    const auto first = by_distance.begin() + (length - 1 - query);
    buckets.insert(buckets.end(), first, first + length);
  }
  const at::Tensor index = to_device(at::tensor(buckets, at::kLong), weight_.device());
  const at::Tensor rows = weight_.index_select(0, index);  // [length * length, heads]
  return rows.t().reshape({1, weight_.size(1), length, length}).contiguous();
}

at::Tensor DistanceBias::scores(std::int64_t length) const {
  // Weights that are trained change: also while they are scored, where no gradient is recorded.
  if (weight_.requires_grad()) return make(length);
  const std::lock_guard lock(mutex_);
  if (!kept_.defined() || kept_.size(2) < length) {
    // An ordinary tensor, though it may be made while a trained model is scored: what inference
    // makes cannot take part in the training step that comes next.
    const c10::InferenceMode training_may_use_it(false);
    const auto wanted = static_cast<std::uint64_t>(std::max(length, kSmallestTable));
    kept_ = make(static_cast<std::int64_t>(std::bit_ceil(wanted))).detach();
  }
  return kept_.narrow(2, 0, length).narrow(3, 0, length);
}

}  // namespace deformer::nn
