// Functions of a caller that an entry point calls: what they throw leaves as it was thrown.
#pragma once

#include <ATen/ThreadLocalState.h>

#include <utility>

#include "base/check.h"
#include "base/guard.h"
#include "nn/guard.h"

namespace deformer {

/// LibTorch as the caller of an entry point has set it: inference mode, gradients, autocast.
struct CallersSettings {
  const CallersSettings* outer = nullptr;  ///< of the entry point that this one was called in
  at::ThreadLocalState settings = {};
};

/// Those that count on this thread for the next call_back(), for the life of the object.
class CallersScope {
 public:
  explicit CallersScope(const CallersSettings* caller)
      : before_(std::exchange(current(), caller)) {}
  ~CallersScope() { current() = before_; }
  CallersScope(const CallersScope&) = delete;
  CallersScope& operator=(const CallersScope&) = delete;

  /// Null outside of guarded_with_callbacks().
  [[nodiscard]] static const CallersSettings*& current() {
    thread_local const CallersSettings* innermost = nullptr;
    return innermost;
  }

 private:
  const CallersSettings* before_;
};

/// Calls a function of the caller's, within guarded_with_callbacks() and on its thread. The
/// function finds LibTorch as its caller had set it, whatever the library works with.
template <typename Function, typename... Arguments>
void call_back(const Function& function, Arguments&&... arguments) {
  const CallersSettings* const caller = CallersScope::current();
  DEFORMER_CHECK(caller != nullptr);
  // The function may be the library's own, with one of an outer caller in it.
  const CallersScope outer(caller->outer);
  const at::ThreadLocalStateGuard settings(caller->settings);
  wrap_thrown(function, std::forward<Arguments>(arguments)...);
}

/// nn::guarded() for an entry point that uses call_back().
template <typename Function>
decltype(auto) guarded_with_callbacks(Function&& function) {
  return unwrap_thrown([&]() -> decltype(auto) {
    return nn::guarded([&]() -> decltype(auto) {
      const CallersSettings caller{.outer = CallersScope::current()};
      const CallersScope scope(&caller);
      return std::forward<Function>(function)();
    });
  });
}

}  // namespace deformer
