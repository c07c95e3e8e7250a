// Translates foreign exceptions at public entry points.
#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <utility>

#include "base/guard.h"
#include "deformer/error.h"

namespace deformer::nn {

/// First line of a LibTorch message, without its stack trace.
[[nodiscard]] inline std::string first_line(const std::string& message) {
  return message.substr(0, message.find('\n'));
}

/// Runs `function`; LibTorch's exceptions and those of rethrow_as_error() leave as deformer::Error.
template <typename Function>
decltype(auto) guarded(Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(ErrorCode::kResourceExhausted, first_line(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string text = first_line(error.what_without_backtrace());
    // The CPU allocator reports a failed allocation as a plain c10::Error.
    const bool memory = text.find("not enough memory") != std::string::npos;
    throw Error(memory ? ErrorCode::kResourceExhausted : ErrorCode::kInternal, "LibTorch: " + text);
  } catch (...) {
    rethrow_as_error({});
  }
}

}  // namespace deformer::nn
