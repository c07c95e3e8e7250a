// Attention whose backward pass is to be computed on a CPU.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "nn/gradient.h"

namespace deformer::nn {

/// Whether attention over these queries has to be recorded in fp32: in bf16 LibTorch's backward
/// pass on a CPU is one oneDNN product for each head and block of 32 rows, so small that setting
/// them up takes three times as long as all of the rest of the step.
inline bool is_recorded_in_fp32(const at::Tensor& query) {
  return query.is_cpu() && query.scalar_type() == at::kBFloat16 && needs_gradient(query);
}

/// While it lives, attention takes its inputs in the type that they have.
class NoAutocast {
 private:
  c10::impl::ExcludeDispatchKeyGuard guard_{c10::DispatchKey::AutocastCPU};
};

}  // namespace deformer::nn
