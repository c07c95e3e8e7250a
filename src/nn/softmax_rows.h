// Softmax over rows of scores in bf16 and its gradient, in place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace deformer::nn {

/// Rows one after the other. Values are the bits of bf16.
struct SoftmaxRows {
  std::uint16_t* values = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;  ///< a multiple of 16
  std::size_t keys = 0;     ///< columns that count, at least 1; the others are padding
};

/// What is added to the scores; null: nothing. Row i begins at values + i * stride.
struct SoftmaxBias {
  const float* values = nullptr;
  std::size_t stride = 0;
};

/// Scores -> softmax(scale * score + bias), summed in fp32; what is padding becomes 0.
void softmax_rows(const SoftmaxRows& scores, const SoftmaxBias& bias, float scale);

/// Gradient of the probabilities -> gradient of the scores, scale * p * (g - sum of p * g).
/// `probabilities`: what softmax_rows() made, of the same shape.
void softmax_gradient_rows(const std::uint16_t* probabilities, const SoftmaxRows& gradient,
                           float scale);

}  // namespace deformer::nn
