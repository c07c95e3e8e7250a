// How much memory LibTorch's tensors take during one run.
#pragma once

#include <functional>

#include "bench/paper_benchmark.h"

namespace deformer {

/// Counts what the calling thread has LibTorch's CPU allocator allocate while `run` runs; what it
/// frees of that lowers the level again. Not seen: memory that libraries under LibTorch (oneDNN,
/// MKL) get elsewhere.
[[nodiscard]] TensorMemory measure_tensor_memory(const std::function<void()>& run);

}  // namespace deformer
