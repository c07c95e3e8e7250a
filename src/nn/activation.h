// Activations of the feed-forward layer.
#pragma once

#include <ATen/core/Tensor.h>

#include "deformer/types.h"

namespace deformer::nn {

/// Same shape as `input`, a matrix [rows, width], whose memory it takes over: pass a temporary. (A
/// large result of its own costs more time in fresh pages than the arithmetic.) An input that needs
/// gradients is left as it is.
[[nodiscard]] at::Tensor activate(Activation activation, at::Tensor input);

}  // namespace deformer::nn
