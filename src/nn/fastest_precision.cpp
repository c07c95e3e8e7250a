#include "nn/fastest_precision.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "nn/int8_weight.h"
#include "nn/linear.h"

namespace deformer::nn {
namespace {

// A question and its passage as published: 27 + 293 rows.
constexpr std::int64_t kRows = 320;
constexpr int kTurns = 5;
constexpr double kWorthwhile = 1.1;

double seconds(const Linear& linear, const at::Tensor& input, Activation activation) {
  const auto begin = std::chrono::steady_clock::now();
  static_cast<void>(linear.forward(input, activation));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Precision fastest_precision(std::int64_t in, std::int64_t out, Activation activation) {
  if (!has_int8()) return Precision::kFp32;
  const c10::InferenceMode inference;
  // Made without the process's random generator, whose state is the caller's.
  const at::Tensor weight = at::arange(in * out, at::kFloat).sin_().mul_(0.05).view({out, in});
  const at::Tensor bias = at::zeros({out});
  const at::Tensor input = at::arange(kRows * in, at::kFloat).cos_().view({kRows, in});
  const Linear fp32(weight, bias, Precision::kFp32);
  const Linear int8(weight, bias, Precision::kInt8);
  // In turn, the best of each: a disturbance makes times longer, never shorter. The first turn
  // warms up.
  double best_fp32 = std::numeric_limits<double>::infinity();
  double best_int8 = best_fp32;
  for (int turn = 0; turn <= kTurns; ++turn) {
    best_fp32 = std::min(best_fp32, seconds(fp32, input, activation));
    best_int8 = std::min(best_int8, seconds(int8, input, activation));
  }
  return best_int8 * kWorthwhile < best_fp32 ? Precision::kInt8 : Precision::kFp32;
}

}  // namespace deformer::nn
