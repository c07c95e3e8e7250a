#include "nn/row_count.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace deformer::nn {

std::int64_t row_grain(std::int64_t columns) {
  constexpr std::int64_t kValues = 16384;
  return std::max<std::int64_t>(1, kValues / columns);
}

std::int64_t padded_rows(std::int64_t rows) {
  const std::int64_t step = rows <= 512 ? 32 : rows <= 2048 ? 128 : 512;
  return (rows + step - 1) / step * step;
}

at::Tensor pad_rows(const at::Tensor& input, std::int64_t padded) {
  const std::int64_t missing = padded - input.size(0);
  if (missing == 0) return input.contiguous();
  return at::cat({input, at::zeros({missing, input.size(1)}, input.options())});
}

// A split and no slice: its gradient is one concatenation, a slice's is zeros and a copy.
at::Tensor cut_rows(const at::Tensor& output, std::int64_t rows) {
  if (output.size(0) == rows) return output;
  return output.split_with_sizes({rows, output.size(0) - rows}).front();
}

}  // namespace deformer::nn
