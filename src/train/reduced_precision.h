// Products of a training pass in fewer bits than its weights have.
#pragma once

#include "deformer/training.h"

namespace deformer {

/// While it lives, this thread's products run in bf16 where `precision` is that. For the forward
/// pass: the backward pass follows what was recorded. (What a layer norm or a sum gets and gives
/// stays fp32: the residual stream is never rounded.)
class ReducedPrecision {
 public:
  explicit ReducedPrecision(TrainingPrecision precision);
  ~ReducedPrecision();
  ReducedPrecision(const ReducedPrecision&) = delete;
  ReducedPrecision& operator=(const ReducedPrecision&) = delete;

 private:
  bool bf16_;
};

/// While it lives, products on a GPU run in TF32 where `precision` is that: those of the whole
/// process, so that forward and backward passes both belong into it.
class Tf32Products {
 public:
  explicit Tf32Products(TrainingPrecision precision);
  ~Tf32Products();
  Tf32Products(const Tf32Products&) = delete;
  Tf32Products& operator=(const Tf32Products&) = delete;

 private:
  bool before_;
};

/// Throws kUnsupported where the device is not there or cannot compute in it.
void require_training_precision(TrainingPrecision precision, Device device);

}  // namespace deformer
