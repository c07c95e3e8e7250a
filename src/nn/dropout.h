// Dropout for training.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>

namespace deformer::nn {

/// Zeroes each value with `probability` (rounded to 1/256, below 1) and scales the others so that
/// the expectation stays. Returns `input` itself for probability 0. The positions come from
/// `generator`, or from LibTorch's default one of the device.
[[nodiscard]] at::Tensor dropout(const at::Tensor& input, double probability,
                                 const std::optional<at::Generator>& generator = {});

}  // namespace deformer::nn
