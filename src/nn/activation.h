// Activations of the feed-forward layer.
#pragma once

#include <ATen/core/Tensor.h>

#include "deformer/model_config.h"

namespace deformer::nn {

/// Same shape as `input`.
[[nodiscard]] at::Tensor activate(Activation activation, const at::Tensor& input);

}  // namespace deformer::nn
