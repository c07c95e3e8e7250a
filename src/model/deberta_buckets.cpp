#include "model/deberta_buckets.h"

#include <algorithm>
#include <cstdlib>

namespace deformer {
namespace {

// A whole number of any size, lowest digits first.
class Natural {
 public:
  void multiply(std::int64_t factor) {
    std::uint64_t carry = 0;
    for (std::uint32_t& digit : digits_) {
      carry += digit * static_cast<std::uint64_t>(factor);  // factor < 2^32: sizes of a table
      digit = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry > 0) digits_.push_back(static_cast<std::uint32_t>(carry));
  }
  void multiply(std::int64_t factor, std::int64_t times) {
    for (std::int64_t i = 0; i < times; ++i) multiply(factor);
  }

  [[nodiscard]] bool is_at_most(const Natural& other) const {
    if (digits_.size() != other.digits_.size()) return digits_.size() < other.digits_.size();
    return !std::lexicographical_compare(other.digits_.rbegin(), other.digits_.rend(),
                                         digits_.rbegin(), digits_.rend());
  }

 private:
  std::vector<std::uint32_t> digits_{1};
};

// The longest distance d of bucket mid + k, for each k: d^(mid - 1) mid^k <= last^k mid^(mid - 1).
std::vector<std::int64_t> bucket_ends(std::int64_t mid, std::int64_t last) {
  std::vector<std::int64_t> ends;
  std::int64_t distance = mid;
  for (std::int64_t k = 0; k < mid; ++k) {
    Natural limit;
    limit.multiply(last, k);
    limit.multiply(mid, mid - 1);
    const auto fits = [&](std::int64_t size) {
      Natural power;
      power.multiply(size, mid - 1);
      power.multiply(mid, k);
      return power.is_at_most(limit);
    };
    while (fits(distance + 1)) ++distance;
    ends.push_back(distance);
  }
  return ends;
}

}  // namespace

DistanceBuckets::DistanceBuckets(const DistanceConfig& config)
    : span_(config.table_rows() / 2), mid_(config.buckets / 2) {
  if (config.buckets > 0) ends_ = bucket_ends(mid_, config.longest - 1);
}

std::int64_t DistanceBuckets::bucket(std::int64_t size) const {
  if (ends_.empty() || size <= mid_) return size;
  return mid_ + (std::lower_bound(ends_.begin(), ends_.end(), size) - ends_.begin());
}

std::int64_t DistanceBuckets::row(std::int64_t distance) const {
  const std::int64_t size = bucket(std::abs(distance));
  return std::clamp<std::int64_t>(span_ + (distance < 0 ? -size : size), 0, 2 * span_ - 1);
}

std::vector<std::int64_t> DistanceBuckets::rows(std::int64_t reach) const {
  std::vector<std::int64_t> rows;
  rows.reserve(static_cast<std::size_t>(2 * reach + 1));
  for (std::int64_t distance = -reach; distance <= reach; ++distance) {
    rows.push_back(row(distance));
  }
  return rows;
}

}  // namespace deformer
