// The type that attention is computed in.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace deformer::nn {

/// Whether attention over such queries is computed in fp32 although they are not, where
/// bf16_attention.h does not take it: on a CPU.
/// LibTorch's kernel for fewer bits is made of oneDNN's products, one for each head and block of 32
/// rows, and keeps compiled code for every length that it meets: over SQuAD dev that is 1 GB, and
/// no faster than fp32.
inline bool attends_in_fp32(const at::Tensor& query) {
  return query.is_cpu() && at::isReducedFloatingType(query.scalar_type());
}

/// While it lives, attention takes its inputs in the type that they have.
class NoAutocast {
 private:
  c10::impl::ExcludeDispatchKeyGuard guard_{c10::DispatchKey::AutocastCPU};
};

}  // namespace deformer::nn
