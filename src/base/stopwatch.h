// Wall time.
#pragma once

#include <chrono>

namespace deformer {

/// Runs from its making on. To start it again, assign a new one.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace deformer
