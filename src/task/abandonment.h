// Whether a caller still waits for a result.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "deformer/answering.h"
#include "deformer/error.h"

namespace deformer {

/// Why what is under `control` is to be given up; absent while it is waited for. `name` is called
/// for the message alone.
template <typename Name>
[[nodiscard]] std::optional<Error> abandonment_of(const RequestControl& control, const Name& name) {
  if (control.cancel.stop_requested()) {
    return Error(ErrorCode::kCancelled, std::string(name()) + ": cancelled");
  }
  if (control.deadline && *control.deadline <= std::chrono::steady_clock::now()) {
    return Error(ErrorCode::kTimedOut, std::string(name()) + ": its deadline has passed");
  }
  return std::nullopt;
}

}  // namespace deformer
