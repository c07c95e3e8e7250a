// Translates the standard library's exceptions at public entry points, and lets those of a caller's
// own functions through. What LibTorch throws is nn/guard.h's.
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include "deformer/error.h"

namespace deformer {

/// To be called in a handler. Throws what is being handled as deformer::Error, in one line that
/// begins with `where` unless that is empty: a failed allocation and a size that nothing can hold
/// as kResourceExhausted, an error of the system (of files, of threads) by its kind, a broken
/// precondition (out_of_range and the like) as kInternal. An Error, and what only a caller's own
/// function can have thrown, leaves as it is.
[[noreturn]] void rethrow_as_error(std::string_view where);

/// Runs `function`; see rethrow_as_error().
template <typename Function>
decltype(auto) guard_entry(std::string_view where, Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const Error&) {
    throw;
  } catch (...) {
    rethrow_as_error(where);
  }
}

/// What a caller's function threw, on its way through this library. No std::exception, so that
/// nobody takes it for a fault of the library's.
struct CallbackException {
  std::exception_ptr thrown;
};

/// Calls a caller's function; what it throws leaves as CallbackException.
template <typename Function, typename... Arguments>
void wrap_thrown(const Function& function, Arguments&&... arguments) {
  try {
    function(std::forward<Arguments>(arguments)...);
  } catch (...) {
    throw CallbackException{std::current_exception()};
  }
}

/// Runs `function`; what is in a CallbackException leaves as it was thrown.
template <typename Function>
decltype(auto) unwrap_thrown(Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const CallbackException& exception) {
    std::rethrow_exception(exception.thrown);
  }
}

}  // namespace deformer
