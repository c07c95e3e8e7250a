// Rows of hidden states as attention sees them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace deformer::nn {

/// [rows, heads * head size] -> [heads, rows, head size]. A view.
inline at::Tensor split_heads(const at::Tensor& rows, std::int64_t num_heads) {
  return rows.unflatten(1, {num_heads, -1}).transpose(0, 1);
}

}  // namespace deformer::nn
