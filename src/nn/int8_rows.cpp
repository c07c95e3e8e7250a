#include "nn/int8_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/processor.h"
#include "base/vector_loops.h"

namespace deformer::nn {
namespace {

constexpr float kLargestFloat = std::numeric_limits<float>::max();

DEFORMER_INLINE void quantize_all(const StridedRows& input, std::uint8_t* output, float* scales) {
  const std::size_t columns = input.columns;
  for (std::size_t i = 0; i < input.rows; ++i) {
    const float* row = input.values + i * input.stride;
    std::uint8_t* out = output + i * columns;
    const float largest = largest_magnitude(row, columns);
    scales[i] = largest / 127.0F;
    // Not finite: 1 / infinity = 0 gives zeros, and the scale carries the news.
    const bool usable = largest > 0 && largest <= kLargestFloat && scales[i] > 1e-36F;
    const float inverse = usable ? 127.0F / largest : 0.0F;
    if (!usable && largest < 1.0F) scales[i] = 0;
    for (std::size_t j = 0; j < columns; ++j) {
      // Truncation of a positive number: rounds to nearest.
      const float value = usable ? row[j] * inverse : 0.0F;
      out[j] = static_cast<std::uint8_t>(static_cast<std::int32_t>(value + 128.5F));
    }
  }
}

// 0.5 x (1 + erf(x / sqrt 2)) = 0.5 (x + |x| erf(|x| / sqrt 2)): without a branch, so that it
// vectorises. erf by Abramowitz and Stegun, 7.1.26.
DEFORMER_INLINE float gelu_erf(float x) {
  const float size = std::abs(x);
  const float z = size * 0.70710678F;
  const float t = 1.0F / (1.0F + 0.3275911F * z);
  float tail = 1.061405429F;
  tail = tail * t - 1.453152027F;
  tail = tail * t + 1.421413741F;
  tail = tail * t - 0.284496736F;
  tail = tail * t + 0.254829592F;
  return 0.5F * (x + size * (1.0F - tail * t * exp_negative(-z * z)));
}

// Likewise 0.5 x (1 + tanh(u)), where u has the sign of x.
DEFORMER_INLINE float gelu_tanh(float x) {
  const float size = std::abs(x);
  const float decay = exp_negative(-1.59576912F * (size + 0.044715F * size * size * size));
  return 0.5F * (x + size * ((1.0F - decay) / (1.0F + decay)));
}

struct Identity {
  DEFORMER_INLINE float operator()(float x) const { return x; }
};
struct GeluErf {
  DEFORMER_INLINE float operator()(float x) const { return gelu_erf(x); }
};
struct GeluTanh {
  DEFORMER_INLINE float operator()(float x) const { return gelu_tanh(x); }
};
struct Relu {
  DEFORMER_INLINE float operator()(float x) const { return std::max(x, 0.0F); }
};

template <typename Function>
DEFORMER_INLINE void finish_with(float* output, const StridedRows& values, const RowFinish& finish,
                                 Function function) {
  const std::size_t columns = values.columns;
  for (std::size_t i = 0; i < values.rows; ++i) {
    const float* row = values.values + i * columns;
    float* out = output + i * columns;
    const float scale = finish.scales == nullptr ? 1.0F : finish.scales[i];
    const float* bias = finish.bias;
    // In place or apart: a value never depends on another one's place.
    if (bias == nullptr) {
      DEFORMER_NO_ALIAS
      for (std::size_t j = 0; j < columns; ++j) out[j] = function(row[j] * scale);
    } else {
      DEFORMER_NO_ALIAS
      for (std::size_t j = 0; j < columns; ++j) out[j] = function(row[j] * scale + bias[j]);
    }
  }
}

DEFORMER_INLINE void finish_all(float* output, const float* values, std::size_t rows,
                                std::size_t columns, const RowFinish& finish) {
  const StridedRows dense{values, rows, columns, columns};
  if (!finish.activation) return finish_with(output, dense, finish, Identity());
  switch (*finish.activation) {
    case Activation::kGeluErf:
      return finish_with(output, dense, finish, GeluErf());
    case Activation::kGeluTanh:
      return finish_with(output, dense, finish, GeluTanh());
    case Activation::kRelu:
      return finish_with(output, dense, finish, Relu());
  }
}

#if DEFORMER_X86

DEFORMER_AVX2 void quantize_avx2(const StridedRows& input, std::uint8_t* output, float* scales) {
  quantize_all(input, output, scales);
}

DEFORMER_AVX2 void finish_avx2(float* output, const float* values, std::size_t rows,
                               std::size_t columns, const RowFinish& finish) {
  finish_all(output, values, rows, columns, finish);
}

DEFORMER_AVX512 void quantize_avx512(const StridedRows& input, std::uint8_t* output,
                                     float* scales) {
  quantize_all(input, output, scales);
}

DEFORMER_AVX512 void finish_avx512(float* output, const float* values, std::size_t rows,
                                   std::size_t columns, const RowFinish& finish) {
  finish_all(output, values, rows, columns, finish);
}

#endif

}  // namespace

void quantize_rows(const StridedRows& input, std::uint8_t* output, float* scales) {
#if DEFORMER_X86
  if (has_avx512()) return quantize_avx512(input, output, scales);
  if (has_avx2()) return quantize_avx2(input, output, scales);
#endif
  quantize_all(input, output, scales);
}

void finish_rows(float* values, std::size_t rows, std::size_t columns, const RowFinish& finish) {
  finish_rows_to(values, values, rows, columns, finish);
}

void finish_rows_to(float* output, const float* values, std::size_t rows, std::size_t columns,
                    const RowFinish& finish) {
#if DEFORMER_X86
  if (has_avx512()) return finish_avx512(output, values, rows, columns, finish);
  if (has_avx2()) return finish_avx2(output, values, rows, columns, finish);
#endif
  finish_all(output, values, rows, columns, finish);
}

}  // namespace deformer::nn
