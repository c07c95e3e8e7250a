// Weights kept in 8 bits in a checkpoint (docs/model_format.md). Free of LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/safetensors.h"

namespace deformer {

/// Largest value of a saved weight; -128 is not used, so that the numbers are symmetric.
inline constexpr int kLargestSavedInt8 = 127;

/// The type in which a tensor of this shape is kept when a model is saved in 8 bits. I8: matrices
/// of at least 32 rows and columns. F32: what is smaller, as heads of few outputs, scores of
/// distances, gains and biases. F16: what has more dimensions, where a row is no output (XLNet's
/// attention).
[[nodiscard]] Dtype dtype_in_int8_file(std::span<const std::int64_t> shape);

/// The tensor of scales [rows] that belongs to a weight: weight[r][c] = value[r][c] * scale[r].
[[nodiscard]] std::string int8_scale_name(std::string_view name);

/// What a message adds to a tensor's type and shape: " without NAME_scale" of one in I8 that has no
/// scales, else "".
[[nodiscard]] std::string lack_of_scales(std::string_view name, Dtype dtype, bool has_scales);

/// Scale of one row of a weight; 0 where all its values are. Throws kInvalidArgument, beginning
/// with `where`, for a value that is not finite.
[[nodiscard]] float int8_scale(std::span<const float> row, const std::string& where);

/// value = row / scale, rounded to nearest even. Throws as int8_scale().
void quantize_row(std::span<const float> row, const std::string& where,
                  std::span<std::int8_t> values);

/// One tensor of a file to be written: a weight, or the scales of one.
struct SavedTensor {
  std::size_t weight = 0;  ///< its place among the weights
  bool is_scale = false;
  TensorSpec spec;
};

/// What a file holds when `weights` (name and shape) are saved as `dtype`, wide types first, else
/// in the given order. I8 stands for all of the above.
[[nodiscard]] std::vector<SavedTensor> tensors_to_save(std::span<const TensorSpec> weights,
                                                       Dtype dtype);

}  // namespace deformer
