// Functions of a caller that an entry point calls: what they throw leaves as it was thrown.
#pragma once

#include <c10/core/InferenceMode.h>

#include <exception>
#include <utility>

#include "nn/guard.h"

namespace deformer {

/// What a caller's function threw, on its way through this library. No std::exception, so that
/// nobody takes it for a fault of the library's.
struct CallbackException {
  std::exception_ptr thrown;
};

/// Calls a function of the caller's. What it makes with LibTorch are ordinary tensors, though the
/// library is at inference.
template <typename Function, typename... Arguments>
void call_back(const Function& function, Arguments&&... arguments) {
  const c10::InferenceMode callers_own(false);
  try {
    function(std::forward<Arguments>(arguments)...);
  } catch (...) {
    throw CallbackException{std::current_exception()};
  }
}

/// nn::guarded() for an entry point that uses call_back().
template <typename Function>
decltype(auto) guarded_with_callbacks(Function&& function) {
  try {
    return nn::guarded(std::forward<Function>(function));
  } catch (const CallbackException& exception) {
    std::rethrow_exception(exception.thrown);
  }
}

}  // namespace deformer
