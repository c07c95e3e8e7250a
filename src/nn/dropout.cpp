#include "nn/dropout.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "deformer/error.h"

namespace deformer::nn {
namespace {

constexpr double kMostDropped = 0.99;  // a random byte leaves something
constexpr std::int64_t kBytes = sizeof(std::int64_t);

// One random byte a value. LibTorch draws one number a value, which on a CPU takes a sixth of a
// training step; here eight values share a draw.
at::Tensor random_bytes(const at::Tensor& like, const std::optional<at::Generator>& generator) {
  const std::int64_t draws = (like.numel() + kBytes - 1) / kBytes;
  at::Tensor words = at::empty({draws}, like.options().dtype(at::kLong));
  words.random_(std::numeric_limits<std::int64_t>::min(), std::nullopt, generator);
  return words.view(at::kByte).narrow(0, 0, like.numel()).view(like.sizes());
}

}  // namespace

at::Tensor dropout(const at::Tensor& input, double probability,
                   const std::optional<at::Generator>& generator) {
  if (!(probability >= 0 && probability <= kMostDropped)) {
    throw Error(ErrorCode::kInvalidArgument,
                "dropout: expected 0 to 0.99, found " + std::to_string(probability));
  }
  const auto threshold = static_cast<std::int64_t>(std::lround(probability * 256));
  if (threshold == 0) return input;
  const double scale = 256.0 / static_cast<double>(256 - threshold);
  const at::Tensor kept = random_bytes(input, generator).ge(threshold);
  return input * kept.to(input.scalar_type()).mul_(scale);
}

}  // namespace deformer::nn
