// What goes wrong inside, as an error of those whom it concerns.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"
#include "task/callback.h"

namespace deformer {

/// Runs `function`; the error that it ends in, by nn::guarded(). What nobody foresaw is kInternal:
/// it must not end the others, nor the process. What call_back() throws passes.
template <typename Function>
[[nodiscard]] std::optional<Error> attempt(Function&& function) {
  try {
    nn::guarded(std::forward<Function>(function));
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const CallbackException&) {
    throw;  // the caller's own
  } catch (const std::exception& error) {
    return Error(ErrorCode::kInternal, "internal error: " + nn::first_line(error.what()));
  } catch (...) {
    return Error(ErrorCode::kInternal, "internal error: an exception of a type of its own");
  }
}

}  // namespace deformer
