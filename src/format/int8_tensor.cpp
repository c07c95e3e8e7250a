#include "format/int8_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "deformer/error.h"

namespace deformer {

Dtype dtype_in_int8_file(std::span<const std::int64_t> shape) {
  constexpr std::int64_t kSmallest = 32;
  if (shape.size() > 2) return Dtype::kF16;
  const bool large = shape.size() == 2 && shape[0] >= kSmallest && shape[1] >= kSmallest;
  return large ? Dtype::kI8 : Dtype::kF32;
}

std::string int8_scale_name(std::string_view name) {
  return std::string(name) + "_scale";
}

std::string lack_of_scales(std::string_view name, Dtype dtype, bool has_scales) {
  return dtype == Dtype::kI8 && !has_scales ? " without " + int8_scale_name(name) : "";
}

float int8_scale(std::span<const float> row, const std::string& where) {
  float largest = 0;
  for (const float value : row) {
    if (!std::isfinite(value)) {
      throw Error(ErrorCode::kInvalidArgument,
                  where + ": expected values that I8 can hold, found " + std::to_string(value));
    }
    largest = std::max(largest, std::abs(value));
  }
  return largest / static_cast<float>(kLargestSavedInt8);
}

void quantize_row(std::span<const float> row, const std::string& where,
                  std::span<std::int8_t> values) {
  const float scale = int8_scale(row, where);
  // The smallest rows can have a scale that rounds down: the ends are cut.
  constexpr auto kLargest = static_cast<float>(kLargestSavedInt8);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const float value = std::nearbyint(scale > 0 ? row[i] / scale : 0.0F);
    values[i] = static_cast<std::int8_t>(std::clamp(value, -kLargest, kLargest));
  }
}

std::vector<SavedTensor> tensors_to_save(std::span<const TensorSpec> weights, Dtype dtype) {
  std::vector<SavedTensor> saved;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto& [name, unused, shape] = weights[i];
    const Dtype own = dtype == Dtype::kI8 ? dtype_in_int8_file(shape) : dtype;
    saved.push_back({i, false, {name, own, shape}});
    if (own == Dtype::kI8) {
      saved.push_back({i, true, {int8_scale_name(name), Dtype::kF32, {shape.front()}}});
    }
  }
  std::stable_sort(saved.begin(), saved.end(), [](const SavedTensor& a, const SavedTensor& b) {
    return value_bytes(a.spec.dtype) > value_bytes(b.spec.dtype);
  });
  return saved;
}

}  // namespace deformer
