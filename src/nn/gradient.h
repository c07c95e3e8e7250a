// Whether an operation is being recorded for a backward pass.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

namespace deformer::nn {

/// What needs a gradient must not be overwritten.
inline bool needs_gradient(const at::Tensor& tensor) {
  return c10::GradMode::is_enabled() && tensor.requires_grad();
}

}  // namespace deformer::nn
