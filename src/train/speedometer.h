// Speed over the last steps: what progress lines show.
#pragma once

#include <cstddef>

namespace deformer {

class Speedometer {
 public:
  void add(double seconds, std::size_t tokens) {
    // About the last 30 steps.
    constexpr double kKeep = 1.0 - 1.0 / 30;
    seconds_ = seconds_ * kKeep + seconds;
    tokens_ = tokens_ * kKeep + static_cast<double>(tokens);
    steps_ = steps_ * kKeep + 1;
  }
  [[nodiscard]] double tokens_per_second() const { return seconds_ > 0 ? tokens_ / seconds_ : 0; }
  [[nodiscard]] double seconds_per_step() const { return steps_ > 0 ? seconds_ / steps_ : 0; }

 private:
  double seconds_ = 0;
  double tokens_ = 0;
  double steps_ = 0;
};

}  // namespace deformer
