// Which row of DeBERTa's table of positions a distance has. Exact: no logarithm is rounded. Free of
// LibTorch.
#pragma once

#include <cstdint>
#include <vector>

#include "deformer/model_config.h"

namespace deformer {

/// Distances up to mid = buckets / 2 have a bucket each. Beyond, bucket mid + k ends at the
/// distance mid * ((longest - 1) / mid)^(k / (mid - 1)), k = 0 ... mid - 1. Immutable.
class DistanceBuckets {
 public:
  /// Of a valid configuration (ModelConfig::distances).
  explicit DistanceBuckets(const DistanceConfig& config);

  /// 0 to DistanceConfig::table_rows() - 1. `distance`: the query's row minus the key's.
  [[nodiscard]] std::int64_t row(std::int64_t distance) const;

  /// The rows of the distances -reach, ..., reach.
  [[nodiscard]] std::vector<std::int64_t> rows(std::int64_t reach) const;

 private:
  [[nodiscard]] std::int64_t bucket(std::int64_t size) const;

  std::int64_t span_;
  std::int64_t mid_;
  std::vector<std::int64_t> ends_;  // the longest distance of bucket mid + k; empty: no buckets
};

}  // namespace deformer
