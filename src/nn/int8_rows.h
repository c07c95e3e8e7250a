// Rows of fp32 values to 8 bits and products of them back: the two ends of an int8 product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "deformer/types.h"

namespace deformer::nn {

/// What a stored 0 stands for: values are kept as round(value / scale) + kInt8Zero in [1, 255].
inline constexpr std::uint8_t kInt8Zero = 128;

struct StridedRows {
  const float* values;
  std::size_t rows;
  std::size_t columns;
  std::size_t stride;  ///< values from row to row
};

/// Quantises rows, each with a scale of its own (its largest absolute value / 127), so that a row's
/// result never depends on the rows beside it. `output` is dense. A row of zeros gets scale 0. A
/// row with an infinite value or NaN gets a scale that is not finite, and so does everything that
/// is made from it.
void quantize_rows(const StridedRows& input, std::uint8_t* output, float* scales);

/// What becomes of a product: activation(values[i][j] * scales[i] + bias[j]).
struct RowFinish {
  const float* scales = nullptr;  ///< null: all are 1
  const float* bias = nullptr;    ///< null: none
  std::optional<Activation> activation = {};
};

/// In place. A value's result depends on nothing but itself, its row's scale and its bias, in every
/// bit: the activations are therefore computed here (within 2e-7 of the exact ones, relative to
/// max(1, |x|)) and not by LibTorch, whose kernels treat the ends of a tensor differently.
void finish_rows(float* values, std::size_t rows, std::size_t columns, const RowFinish& finish);

/// The same from one place to another; both dense, the same or not overlapping.
void finish_rows_to(float* output, const float* values, std::size_t rows, std::size_t columns,
                    const RowFinish& finish);

}  // namespace deformer::nn
