#include "nn/fastest_precision.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "nn/linear.h"
#include "nn/placement.h"

namespace deformer::nn {
namespace {

// A question and its passage as published: 27 + 293 rows.
constexpr std::int64_t kRows = 320;
constexpr int kTurns = 5;
constexpr double kWorthwhile = 1.1;

struct Candidate {
  Precision precision;
  Linear linear;
  at::Tensor input;
  double seconds = std::numeric_limits<double>::infinity();

  // A disturbance makes times longer, never shorter.
  void time(Activation activation) {
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(linear.forward(input, activation));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    seconds = std::min(seconds, taken.count());
  }
};

// Values without the process's random generator, whose state is the caller's.
std::vector<Candidate> make_candidates(std::int64_t in, std::int64_t out) {
  const at::Tensor weight = at::arange(in * out, at::kFloat).sin_().mul_(0.05).view({out, in});
  const at::Tensor bias = at::zeros({out});
  const at::Tensor input = at::arange(kRows * in, at::kFloat).cos_().view({kRows, in});
  std::vector<Candidate> candidates;
  for (const Precision precision : {Precision::kFp32, Precision::kBf16, Precision::kInt8}) {
    if (!supports(Device::kCpu, precision)) continue;
    const at::ScalarType type = placement_of({.precision = precision}).type;
    candidates.push_back(
        {precision, Linear(weight.to(type), bias.to(type), precision), input.to(type)});
  }
  return candidates;
}

}  // namespace

Precision fastest_precision(std::int64_t in, std::int64_t out, Activation activation) {
  const c10::InferenceMode inference;
  std::vector<Candidate> candidates = make_candidates(in, out);
  if (candidates.size() == 1) return candidates.front().precision;
  // In turn; the first turn warms up.
  for (int turn = 0; turn <= kTurns; ++turn) {
    for (Candidate& candidate : candidates) candidate.time(activation);
  }
  const Candidate* best = &candidates.front();
  for (const Candidate& candidate : candidates) {
    if (candidate.seconds * kWorthwhile < best->seconds) best = &candidate;
  }
  return best->precision;
}

}  // namespace deformer::nn
