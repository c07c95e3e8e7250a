#include "bench/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>

namespace deformer {
namespace {

// LibTorch reports through the hook of its profiler.
class TensorMemoryCounter final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*ptr*/, std::int64_t size, std::size_t /*total_allocated*/,
                         std::size_t /*total_reserved*/, c10::Device device) override {
    if (!device.is_cpu()) return;
    const std::scoped_lock lock(mutex_);
    if (size > 0) requested_ += size;
    live_ += size;
    peak_ = std::max(peak_, live_);
  }
  [[nodiscard]] bool memoryProfilingEnabled() const override { return true; }

  [[nodiscard]] TensorMemory memory() const {
    return {static_cast<std::uint64_t>(requested_), static_cast<std::uint64_t>(peak_)};
  }

 private:
  std::mutex mutex_;
  std::int64_t requested_ = 0;
  std::int64_t live_ = 0;
  std::int64_t peak_ = 0;
};

}  // namespace

TensorMemory measure_tensor_memory(const std::function<void()>& run) {
  const auto counter = std::make_shared<TensorMemoryCounter>();
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counter);
    run();
  }
  return counter->memory();
}

}  // namespace deformer
