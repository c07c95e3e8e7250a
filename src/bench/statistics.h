// Figures from samples. Pure functions.
#pragma once

#include <span>
#include <vector>

#include "bench/benchmark.h"

namespace deformer {

/// The `share` quantile, 0 to 1, linear between the two samples around it (Hyndman and Fan's type
/// 7, what NumPy does). 0 without samples.
[[nodiscard]] double quantile(std::span<const double> samples, double share);

[[nodiscard]] double mean(std::span<const double> samples);

/// Median, smallest and largest.
[[nodiscard]] Spread spread_of(std::span<const double> samples);

/// Of numerators[i] / denominators[i]; both have one value a round.
[[nodiscard]] Spread ratio_spread(std::span<const double> numerators,
                                  std::span<const double> denominators);

[[nodiscard]] Latency latency_of(std::span<const double> seconds);

/// The curve for 1, 2, 4, ... 32 questions a passage. All times per question or passage, in
/// seconds.
[[nodiscard]] ReuseCurve reuse_curve(double full, double warm, double encode);

}  // namespace deformer
