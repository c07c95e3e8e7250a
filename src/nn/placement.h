// Where a model's tensors live and of which type they are.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "deformer/runtime.h"

namespace deformer::nn {

struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType type =
      at::kFloat;  ///< of weights and states; int8 has weights in a form of its own
};

/// Throws kUnsupported for cuda where LibTorch has no CUDA or the machine no GPU.
[[nodiscard]] at::Device to_torch_device(Device device);

/// Whether the device computes in it, faster than it would in fp32: int8 on a CPU with oneDNN; bf16
/// and fp16 on a GPU, and on a CPU with products of them (base/processor.h); fp32 everywhere.
[[nodiscard]] bool supports(Device device, Precision precision);

/// Throws kUnsupported where the device is not there or does not supports() the precision.
void require_supported(Device device, Precision precision);

/// The precision is one of supports(); kAuto has been decided. Throws as to_torch_device().
[[nodiscard]] Placement placement_of(const Runtime& runtime);

}  // namespace deformer::nn
