// What the operating system knows about this process and its machine. Linux; elsewhere unknown.
#pragma once

#include <cstdint>
#include <string>

namespace deformer {

/// Of /proc/cpuinfo; "unknown" where that has none.
[[nodiscard]] std::string cpu_name();

/// Begins to measure the peak of the resident memory anew, after giving freed memory back.
void reset_peak_memory();
/// VmHWM in bytes, since the last reset_peak_memory(); 0 where it is not known.
[[nodiscard]] std::uint64_t peak_memory_bytes();

/// LibTorch's threads of one operator, for the life time of the object.
class ThreadsGuard {
 public:
  /// 0 leaves them as they are.
  explicit ThreadsGuard(int threads);
  ~ThreadsGuard();
  ThreadsGuard(const ThreadsGuard&) = delete;
  ThreadsGuard& operator=(const ThreadsGuard&) = delete;

  [[nodiscard]] static int current();

 private:
  int before_;
};

}  // namespace deformer
