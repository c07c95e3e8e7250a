// Adds the life time of a scope to one stage.
#pragma once

#include "base/stopwatch.h"
#include "deformer/answering.h"

namespace deformer {

class StageTimer {
 public:
  /// Does nothing when `times` is null.
  StageTimer(StageTimes* times, double StageTimes::*stage)
      : seconds_(times == nullptr ? nullptr : &(times->*stage)) {}
  ~StageTimer() {
    if (seconds_ != nullptr) *seconds_ += watch_.seconds();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  double* seconds_;
  Stopwatch watch_;
};

}  // namespace deformer
