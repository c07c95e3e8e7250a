// Operations of LibTorch that have no C++ function, called by their schema. (A C++ signature would
// differ between versions of LibTorch.)
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <exception>
#include <utility>

#include "nn/inference_scope.h"

namespace deformer::nn {

/// Whether `compute` gives a tensor that is close to `expected`: a schema does not say whether this
/// LibTorch has code behind it for this processor, nor whether an argument still means the same.
/// Call it once, with a tiny product. False where it throws.
template <typename Function>
[[nodiscard]] bool computes(const at::Tensor& expected, double tolerance, const Function& compute) {
  const InferenceScope inference;
  try {
    const at::Tensor found = compute();
    // Not "no value differs by more": that would be true of NaN.
    return found.sizes() == expected.sizes() &&
           (found - expected).abs().max().template item<double>() <= tolerance;
  } catch (const std::exception&) {
    return false;
  }
}

/// For a static variable beside the call: the look-up takes a lock.
inline c10::OperatorHandle find_operation(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
}

/// An operation that returns one tensor.
inline at::Tensor call(const c10::OperatorHandle& operation, torch::jit::Stack arguments) {
  operation.callBoxed(arguments);
  return std::move(arguments.front()).toTensor();
}

}  // namespace deformer::nn
