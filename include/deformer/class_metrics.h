// Accuracy and F1 of predicted classes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "deformer/export.h"

namespace deformer {

/// Percentages (0..100).
struct ClassScore {
  std::size_t total = 0;
  std::size_t correct = 0;
  double accuracy = 0;
  /// F1 of the positive class, where one was named: 2 PR / (P + R), 0 when it never occurs.
  std::optional<double> f1;
};

/// Compares class by class; both have the same length. Throws kInvalidArgument for none or for
/// lengths that differ.
[[nodiscard]] DEFORMER_EXPORT ClassScore score_classes(std::span<const int> predicted,
                                                       std::span<const int> gold,
                                                       std::optional<int> positive_class = {});

}  // namespace deformer
