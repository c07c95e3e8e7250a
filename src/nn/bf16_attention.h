// Attention in bf16 on a CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "nn/attention.h"

namespace deformer::nn {

/// Whether attend_in_bf16() takes such inputs: bf16 on a CPU, and biases that want no gradient.
[[nodiscard]] bool attends_in_bf16(const AttentionInputs& inputs,
                                   std::span<const at::Tensor> biases);

/// attend() with products in bf16, forward and backward; scores and probabilities are rounded to
/// bf16, sums are fp32. A recorded pass keeps its probabilities, 2 bytes a head, query and key.
///
/// LibTorch's fused kernel makes a small product of each head and block of 32 rows: with oneDNN's
/// set-up for each, it is slower than its own in fp32, and keeps compiled code for every length
/// that it meets. Here a product takes all heads of a sequence, at one of a few padded lengths.
[[nodiscard]] at::Tensor attend_in_bf16(const AttentionInputs& inputs, const Sequences& queries,
                                        const Sequences& keys, std::int64_t num_heads,
                                        std::span<const at::Tensor> biases);

}  // namespace deformer::nn
