// Times of work that a device does behind the calls.
#pragma once

#include <ATen/core/Tensor.h>

namespace deformer {

/// Returns when the tensor has been computed: a GPU works on after a call has returned, and a value
/// that is read has been computed.
inline void wait_for(const at::Tensor& tensor) {
  if (!tensor.is_cpu() && tensor.numel() > 0) static_cast<void>(tensor.flatten()[0].item());
}

}  // namespace deformer
