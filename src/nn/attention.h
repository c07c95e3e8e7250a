// Multi-head attention over packed sequences.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace deformer::nn {

/// Rows of several sequences, one after the other: sequence i owns rows [offsets[i], offsets[i +
/// 1]).
using Offsets = std::span<const std::int64_t>;

/// Scaled dot-product attention inside each sequence: its queries see all of its keys, nothing
/// else. query [query_rows, hidden]; key, value [key_rows, hidden]; both offset lists have
/// [sequences + 1] entries. hidden = num_heads * head size; heads lie one after the other in a row.
/// Returns [query_rows, hidden]. Every sequence has at least one key.
[[nodiscard]] at::Tensor attend(const at::Tensor& query, const at::Tensor& key,
                                const at::Tensor& value, Offsets query_offsets, Offsets key_offsets,
                                std::int64_t num_heads);

}  // namespace deformer::nn
