#include "nn/softmax_rows.h"

#include <bit>
#include <limits>
#include <vector>

#include "base/processor.h"
#include "base/vector_loops.h"

namespace deformer::nn {
namespace {

// Sums and maxima are kept by lane: a sum of floats in their order cannot be vectorised.
constexpr std::size_t kLanes = 16;
constexpr float kPadding = -1e30F;

DEFORMER_INLINE float widen(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

// To nearest, ties to even. NaN stays one.
DEFORMER_INLINE std::uint16_t narrow(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
  return static_cast<std::uint16_t>(value == value ? rounded : 0x7FC0U);
}

DEFORMER_INLINE float sum_of(const float (&lanes)[kLanes]) {
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

DEFORMER_INLINE float largest_of(const float* values, std::size_t columns) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < columns; j += kLanes) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      lanes[i] = values[j + i] > lanes[i] ? values[j + i] : lanes[i];
    }
  }
  float largest = lanes[0];
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}

// `work` has a row of scores; gives their exponentials there and returns the sum.
DEFORMER_INLINE float exponentials(float* work, std::size_t columns) {
  const float largest = largest_of(work, columns);
  float lanes[kLanes] = {};
  for (std::size_t j = 0; j < columns; j += kLanes) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      work[j + i] = exp_negative(work[j + i] - largest);
      lanes[i] += work[j + i];
    }
  }
  return sum_of(lanes);
}

DEFORMER_INLINE void softmax_all(const SoftmaxRows& scores, const SoftmaxBias& bias, float scale,
                                 float* work) {
  for (std::size_t i = 0; i < scores.rows; ++i) {
    std::uint16_t* row = scores.values + i * scores.columns;
    if (bias.values == nullptr) {
      for (std::size_t j = 0; j < scores.keys; ++j) work[j] = widen(row[j]) * scale;
    } else {
      const float* added = bias.values + i * bias.stride;
      for (std::size_t j = 0; j < scores.keys; ++j) work[j] = widen(row[j]) * scale + added[j];
    }
    for (std::size_t j = scores.keys; j < scores.columns; ++j) work[j] = kPadding;
    // Padding adds e^-87 a column at most: nothing beside the largest one's 1.
    const float inverse = 1.0F / exponentials(work, scores.columns);
    for (std::size_t j = 0; j < scores.keys; ++j) row[j] = narrow(work[j] * inverse);
    for (std::size_t j = scores.keys; j < scores.columns; ++j) row[j] = 0;
  }
}

DEFORMER_INLINE void gradient_all(const std::uint16_t* probabilities, const SoftmaxRows& gradient,
                                  float scale) {
  const std::size_t columns = gradient.columns;
  for (std::size_t i = 0; i < gradient.rows; ++i) {
    const std::uint16_t* p = probabilities + i * columns;
    std::uint16_t* g = gradient.values + i * columns;
    float lanes[kLanes] = {};
    for (std::size_t j = 0; j < columns; j += kLanes) {
      for (std::size_t k = 0; k < kLanes; ++k) lanes[k] += widen(p[j + k]) * widen(g[j + k]);
    }
    const float mean = sum_of(lanes);
    for (std::size_t j = 0; j < columns; ++j) {
      g[j] = narrow(scale * widen(p[j]) * (widen(g[j]) - mean));
    }
  }
}

#if DEFORMER_X86

DEFORMER_AVX2 void softmax_avx2(const SoftmaxRows& scores, const SoftmaxBias& bias, float scale,
                                float* work) {
  softmax_all(scores, bias, scale, work);
}

DEFORMER_AVX2 void gradient_avx2(const std::uint16_t* probabilities, const SoftmaxRows& gradient,
                                 float scale) {
  gradient_all(probabilities, gradient, scale);
}

DEFORMER_AVX512 void softmax_avx512(const SoftmaxRows& scores, const SoftmaxBias& bias, float scale,
                                    float* work) {
  softmax_all(scores, bias, scale, work);
}

DEFORMER_AVX512 void gradient_avx512(const std::uint16_t* probabilities,
                                     const SoftmaxRows& gradient, float scale) {
  gradient_all(probabilities, gradient, scale);
}

#endif

}  // namespace

void softmax_rows(const SoftmaxRows& scores, const SoftmaxBias& bias, float scale) {
  std::vector<float> work(scores.columns);
#if DEFORMER_X86
  if (has_avx512()) return softmax_avx512(scores, bias, scale, work.data());
  if (has_avx2()) return softmax_avx2(scores, bias, scale, work.data());
#endif
  softmax_all(scores, bias, scale, work.data());
}

void softmax_gradient_rows(const std::uint16_t* probabilities, const SoftmaxRows& gradient,
                           float scale) {
#if DEFORMER_X86
  if (has_avx512()) return gradient_avx512(probabilities, gradient, scale);
  if (has_avx2()) return gradient_avx2(probabilities, gradient, scale);
#endif
  gradient_all(probabilities, gradient, scale);
}

}  // namespace deformer::nn
