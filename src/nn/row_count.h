// How many rows: that a thread takes, and that come again (oneDNN compiles code for every number
// that it meets, for about a millisecond).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace deformer::nn {

/// Rows of a loop over values that one thread takes at least: 16,384 values.
[[nodiscard]] std::int64_t row_grain(std::int64_t columns);

/// `rows` rounded up to a number from a short list, at most 31 more up to 512, at most a quarter
/// beyond (odd numbers of rows are slow, too).
[[nodiscard]] std::int64_t padded_rows(std::int64_t rows);

/// [rows, width] -> [padded, width], zeros below; contiguous.
[[nodiscard]] at::Tensor pad_rows(const at::Tensor& input, std::int64_t padded);

/// The first `rows` of a result of padded rows, as a view.
[[nodiscard]] at::Tensor cut_rows(const at::Tensor& output, std::int64_t rows);

}  // namespace deformer::nn
