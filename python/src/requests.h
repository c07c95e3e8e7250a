// What requests of all kinds share.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <vector>

#include "deformer/error.h"

namespace deformer::python {

/// Gives all requests `timeout_s` seconds from now; a time that a clock cannot hold is none. Throws
/// kInvalidArgument for no number.
template <typename Request>
void set_deadlines(std::vector<Request>& requests, std::optional<double> timeout_s) {
  if (!timeout_s) return;
  if (std::isnan(*timeout_s)) {
    throw Error(ErrorCode::kInvalidArgument, "timeout_s: expected a number, found nan");
  }
  constexpr double kForEver = 1e9;  // 30 years
  if (*timeout_s > kForEver) return;
  using Clock = std::chrono::steady_clock;
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(std::max(*timeout_s, 0.0)));
  for (Request& request : requests) request.control.deadline = deadline;
}

}  // namespace deformer::python
