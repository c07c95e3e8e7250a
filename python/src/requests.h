// What requests of all kinds share.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace deformer::python {

/// Gives all requests `timeout_s` seconds from now.
template <typename Request>
void set_deadlines(std::vector<Request>& requests, std::optional<double> timeout_s) {
  if (!timeout_s) return;
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(*timeout_s));
  for (Request& request : requests) request.control.deadline = deadline;
}

}  // namespace deformer::python
