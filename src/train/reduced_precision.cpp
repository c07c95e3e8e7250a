#include "train/reduced_precision.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include "deformer/error.h"
#include "nn/placement.h"

namespace deformer {
namespace {

// Which of them a product takes is said by where its tensors are.
constexpr c10::DeviceType kDevices[] = {at::kCPU, at::kCUDA};

}  // namespace

ReducedPrecision::ReducedPrecision(TrainingPrecision precision)
    : bf16_(precision == TrainingPrecision::kBf16) {
  if (!bf16_) return;
  for (const c10::DeviceType device : kDevices) {
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
  }
  at::autocast::increment_nesting();
}

ReducedPrecision::~ReducedPrecision() {
  if (!bf16_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  for (const c10::DeviceType device : kDevices) at::autocast::set_autocast_enabled(device, false);
}

Tf32Products::Tf32Products(TrainingPrecision precision)
    : before_(at::globalContext().allowTF32CuBLAS()) {
  if (precision == TrainingPrecision::kTf32) at::globalContext().setAllowTF32CuBLAS(true);
}

Tf32Products::~Tf32Products() {
  at::globalContext().setAllowTF32CuBLAS(before_);
}

void require_training_precision(TrainingPrecision precision, Device device) {
  if (precision == TrainingPrecision::kTf32 && device == Device::kCpu) {
    throw Error(ErrorCode::kUnsupported,
                "training precision: expected fp32 or bf16 on a CPU, found tf32");
  }
  nn::require_supported(
      device, precision == TrainingPrecision::kBf16 ? Precision::kBf16 : Precision::kFp32);
}

}  // namespace deformer
