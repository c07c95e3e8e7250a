// Operations of LibTorch that have no C++ function, called by their schema. (A C++ signature would
// differ between versions of LibTorch.)
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <cstddef>
#include <utility>

namespace deformer::nn {

/// Whether LibTorch has the operation, with as many arguments as the caller is going to pass.
inline bool has_operation(const char* name, std::size_t arguments) {
  const auto found = c10::Dispatcher::singleton().findSchema({name, ""});
  return found && found->schema().arguments().size() == arguments;
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
