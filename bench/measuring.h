// What the measuring programs of this folder share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace deformer::bench {

/// `share`, 0 to 1, of the sorted values lies below it; linear between two values, so that the
/// median of an even number is the mean of the middle two. 0 without values.
[[nodiscard]] inline double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 0.5);
}

/// Throws std::invalid_argument unless some of `questions` are left for measuring.
inline void require_more_than(std::size_t warm_up, std::size_t questions) {
  if (questions > warm_up) return;
  throw std::invalid_argument("QUESTIONS: expected more than the " + std::to_string(warm_up) +
                              " that warm up, found " + std::to_string(questions));
}

}  // namespace deformer::bench
