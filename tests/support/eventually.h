// Waiting for what another thread or process does.
#pragma once

#include <chrono>
#include <thread>

namespace deformer::test {

/// Looks every few milliseconds whether `done`, until it is or a minute is over. Returns whether it
/// is.
template <typename Done>
[[nodiscard]] bool eventually(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace deformer::test
