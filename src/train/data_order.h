// Which examples a step trains on, and in which passes. A pure function of the data, the options
// and the step, so that a run can be continued at any step and several processes agree without
// talking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "train/training_set.h"

namespace deformer {

struct DataOrderOptions {
  std::size_t batch_questions = 32;
  std::size_t pass_tokens = 8192;
  std::size_t questions_per_window = 4;
  /// Passes of a step are a multiple of it, so that each has as many; fewer where there are fewer
  /// examples.
  std::size_t processes = 1;
  std::uint64_t seed = 1;
};

/// Indices of pairs; pairs of one window stand together, those of one example in their order.
struct StepPlan {
  std::vector<std::vector<std::uint32_t>> passes;
  std::size_t examples = 0;
  std::size_t joint_tokens = 0;  ///< question and window tokens of all pairs, special ones not
                                 ///< counted
};

/// Every epoch visits each example once, in an order of its own. Not safe for concurrent calls.
class DataOrder {
 public:
  /// The set must outlive the object and hold at least one example.
  DataOrder(const TrainingSet& set, const DataOrderOptions& options);

  [[nodiscard]] std::uint64_t steps_per_epoch() const noexcept { return steps_per_epoch_; }
  /// `step` counts from 0 over all epochs.
  [[nodiscard]] StepPlan plan(std::uint64_t step);

 private:
  void shuffle_epoch(std::uint64_t epoch);
  [[nodiscard]] std::size_t joint_tokens(std::uint32_t example) const;

  const TrainingSet& set_;
  DataOrderOptions options_;
  std::uint64_t steps_per_epoch_;
  std::uint64_t epoch_ = UINT64_MAX;
  std::vector<std::uint32_t> order_;  // examples of the present epoch
};

}  // namespace deformer
