// The entry that libFuzzer calls, of the target DEFORMER_FUZZ_TARGET.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fuzz/fuzz_target.h"
#include "fuzz/heap_watch.h"

namespace {

double largest_multiple = 0;

// Beside the numbers that libFuzzer prints at the end (-print_final_stats).
void print_largest() {
  std::fprintf(stderr, "stat::memory_multiple: %.0f\n", largest_multiple);
}

// FUZZ_MEMORY_MULTIPLE: bytes of the heap that a reader may take for each byte of its input, beside
// the fixed ones.
double allowed_multiple() {
  const char* const text = std::getenv("FUZZ_MEMORY_MULTIPLE");
  return text == nullptr ? 1024 : std::atof(text);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  std::atexit(print_largest);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const deformer::fuzz::Target& target = *deformer::fuzz::find_target(DEFORMER_FUZZ_TARGET);
  static const double allowed = allowed_multiple();
  {
    const deformer::fuzz::HeapWatch watch;
    deformer::fuzz::run(target, {reinterpret_cast<const std::byte*>(data), size});
  }
  const double multiple = deformer::fuzz::HeapWatch::multiple(size);
  largest_multiple = std::max(largest_multiple, multiple);
  if (multiple > allowed) {
    std::fprintf(stderr, "memory: expected at most %.0f bytes for a byte of input, found %.0f\n",
                 allowed, multiple);
    std::abort();
  }
  return 0;
}
