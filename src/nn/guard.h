// Translates foreign exceptions at public entry points.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/guard.h"
#include "deformer/error.h"

namespace deformer::nn {

/// First line of a LibTorch message, without its stack trace.
[[nodiscard]] inline std::string first_line(const std::string& message) {
  return message.substr(0, message.find('\n'));
}

/// Left to itself LibTorch ends a C++ program whose memory runs out. This has it throw, for the
/// whole process, as it does in Python. Done once; safe for concurrent calls.
void have_allocator_throw();

/// One of LibTorch's exceptions as ours: kResourceExhausted where memory was short, else kInternal.
[[nodiscard]] Error to_error(const c10::Error& error);

/// The same of oneDNN, whose exceptions LibTorch passes on and whose headers it need not have:
/// kInternal, since they do not tell the cause. Absent for any other exception.
[[nodiscard]] std::optional<Error> onednn_error(const std::exception& error);

/// Runs `function`; LibTorch's and oneDNN's exceptions and those of rethrow_as_error() leave as
/// deformer::Error.
template <typename Function>
decltype(auto) guarded(Function&& function) {
  have_allocator_throw();
  try {
    return std::forward<Function>(function)();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw to_error(error);
  } catch (const std::exception& error) {
    if (const auto translated = onednn_error(error)) throw *translated;
    rethrow_as_error({});
  } catch (...) {
    rethrow_as_error({});
  }
}

}  // namespace deformer::nn
