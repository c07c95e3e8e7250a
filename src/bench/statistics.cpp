#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace deformer {
namespace {

constexpr int kMostQuestionsPerPassage = 32;

std::vector<double> in_order(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

double quantile_of_sorted(std::span<const double> sorted, double share) {
  if (sorted.empty()) return 0;
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

}  // namespace

double quantile(std::span<const double> samples, double share) {
  return quantile_of_sorted(in_order(samples), share);
}

double mean(std::span<const double> samples) {
  if (samples.empty()) return 0;
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

Spread spread_of(std::span<const double> samples) {
  const std::vector<double> sorted = in_order(samples);
  if (sorted.empty()) return {};
  return {quantile_of_sorted(sorted, 0.5), sorted.front(), sorted.back()};
}

Spread ratio_spread(std::span<const double> numerators, std::span<const double> denominators) {
  DEFORMER_CHECK(numerators.size() == denominators.size());
  std::vector<double> ratios;
  for (std::size_t i = 0; i < numerators.size(); ++i) {
    ratios.push_back(numerators[i] / denominators[i]);
  }
  return spread_of(ratios);
}

Latency latency_of(std::span<const double> seconds) {
  const std::vector<double> sorted = in_order(seconds);
  return {mean(seconds), quantile_of_sorted(sorted, 0.5), quantile_of_sorted(sorted, 0.9),
          quantile_of_sorted(sorted, 0.99)};
}

ReuseCurve reuse_curve(double full, double warm, double encode) {
  ReuseCurve curve{.full_seconds = full,
                   .warm_seconds = warm,
                   .encode_seconds = encode,
                   .points = {},
                   .break_even = {}};
  for (int questions = 1; questions <= kMostQuestionsPerPassage; questions *= 2) {
    curve.points.push_back({questions, encode / questions + warm});
  }
  if (warm < full) curve.break_even = encode / (full - warm);
  return curve;
}

}  // namespace deformer
