// How OpenMP's threads wait for each other: spinning on processors of their own, asleep on shared
// ones.
#pragma once

#include <cstdint>
#include <thread>

namespace deformer::tools {

/// While one exists, LibTorch's threads that wait for each other sleep after microseconds, not
/// after milliseconds of spinning. By a rule of libgomp: so it waits where a process has more
/// OpenMP threads than processors (GCC's manual, GOMP_SPINCOUNT). This is two more, asleep. Of no
/// effect where LibTorch has fewer threads than there are processors, and with another OpenMP
/// runtime. Throws std::system_error where the system gives no thread.
class ShortWaits {
 public:
  ShortWaits();

 private:
  std::jthread thread_;
};

/// Whether to wait asleep: other programs compute on the same processors, which shows in how often
/// the kernel takes one away. Where a process that sleeps loses them less often, spinning is tried
/// again after a while, which doubles each time that it was too early, up to half a minute.
class WaitDecision {
 public:
  explicit WaitDecision(int processors) : processors_(processors) {}

  /// For the next `seconds`, after such in which processors were taken away `times` times.
  [[nodiscard]] bool sleeps_after(double seconds, std::int64_t times);

 private:
  int processors_;
  bool sleeps_ = false;
  double since_ = 0;  // seconds of sleeping, or of spinning
  double hold_ = 0;   // seconds to sleep
};

/// Decides twice a second, as long as it exists. Does nothing where the environment says how
/// to wait (OMP_WAIT_POLICY, GOMP_SPINCOUNT), where there is one processor, or where the system
/// gives no thread.
class AdaptiveWaiting {
 public:
  AdaptiveWaiting();

 private:
  std::jthread thread_;
};

}  // namespace deformer::tools
