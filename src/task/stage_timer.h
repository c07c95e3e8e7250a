// Adds the life time of a scope to one stage.
#pragma once

#include <chrono>

#include "deformer/stage_times.h"

namespace deformer {

class StageTimer {
 public:
  /// Does nothing when `times` is null.
  StageTimer(StageTimes* times, double StageTimes::*stage)
      : seconds_(times == nullptr ? nullptr : &(times->*stage)),
        start_(std::chrono::steady_clock::now()) {}
  ~StageTimer() {
    if (seconds_ == nullptr) return;
    *seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  double* seconds_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace deformer
