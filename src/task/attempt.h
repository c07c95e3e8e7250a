// What goes wrong inside, as an error of those whom it concerns.
#pragma once

#include <optional>
#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"

namespace deformer {

/// Runs `function`; the error that it ends in, by nn::guarded().
template <typename Function>
[[nodiscard]] std::optional<Error> attempt(Function&& function) {
  try {
    nn::guarded(std::forward<Function>(function));
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace deformer
