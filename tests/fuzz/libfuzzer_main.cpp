// The entry that libFuzzer calls, of the target DEFORMER_FUZZ_TARGET.
#include <cstdint>

#include "fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const deformer::fuzz::Target& target = *deformer::fuzz::find_target(DEFORMER_FUZZ_TARGET);
  deformer::fuzz::run(target, {reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
