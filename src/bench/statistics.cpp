#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace deformer {
namespace {

constexpr int kMostQuestionsPerPassage = 32;

}  // namespace

double quantile(std::span<const double> samples, double share) {
  if (samples.empty()) return 0;
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

double mean(std::span<const double> samples) {
  if (samples.empty()) return 0;
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

Spread spread_of(std::span<const double> samples) {
  return {quantile(samples, 0.5), quantile(samples, 0), quantile(samples, 1)};
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
  return {mean(seconds), quantile(seconds, 0.5), quantile(seconds, 0.9), quantile(seconds, 0.99)};
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
