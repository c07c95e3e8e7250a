// Adds up what the processes of a group computed of one step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/process_group.h"

namespace deformer {

/// Sums of the gradients over all ranks, in buckets, the last parameter first, as a backward pass
/// finds them: while it goes on, what it has found is on its way. Not safe for concurrent calls;
/// one at a time for the same parameters.
class GradientSum {
 public:
  /// The group must outlive it.
  GradientSum(const std::vector<Parameter>& parameters, ProcessGroup& group);
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  /// The backward pass that comes is the last one of the step here: a gradient that it has added to
  /// is final.
  void begin_last_pass() noexcept { is_last_pass_ = true; }

  /// Replaces every gradient, and the numbers of `more`, by their sums. A parameter without a
  /// gradient counts as 0 and is given one. Throws as ProcessGroup::begin_sum().
  void finish(std::vector<double>& more);

 private:
  struct Bucket {
    std::vector<std::size_t> parameters;  // places in parameters_
    std::vector<float> values;            // their gradients, one after the other
    std::size_t waiting = 0;              // parameters whose gradient is not final yet
  };
  struct Hook;

  void take(std::size_t parameter);
  void start(Bucket& bucket);
  void put_back(const Bucket& bucket) const;
  void reset();

  std::vector<at::Tensor> parameters_;
  std::vector<std::size_t> bucket_of_;  // by parameter
  std::vector<Bucket> buckets_;
  std::size_t started_ = 0;  // buckets, in order
  bool is_last_pass_ = false;
  ProcessGroup& group_;
};

}  // namespace deformer
