// Attention of a training pass in bf16 on a CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "nn/attention.h"

namespace deformer::nn {

/// Whether attend_recorded() is for such inputs: bf16 on a CPU that want a gradient, and biases
/// that want none.
[[nodiscard]] bool records_in_bf16(const AttentionInputs& inputs,
                                   std::span<const at::Tensor> biases);

/// attend() with products in bf16, forward and backward; scores and probabilities are rounded to
/// bf16, sums are fp32. The probabilities are kept for the backward pass, 2 bytes a head, query and
/// key. LibTorch's fused kernel makes one small product for each block of 32 rows, which costs its
/// backward pass two to three times as long.
[[nodiscard]] at::Tensor attend_recorded(const AttentionInputs& inputs, const Sequences& queries,
                                         const Sequences& keys, std::int64_t num_heads,
                                         std::span<const at::Tensor> biases);

}  // namespace deformer::nn
