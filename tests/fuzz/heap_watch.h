// What an input costs in memory, under libFuzzer with AddressSanitizer.
#pragma once

#include <cstddef>

namespace deformer::fuzz {

/// Every reader may have this much of the heap whatever its input: buffers, tables of fixed size
/// (LMDB has 2 MB of them).
inline constexpr std::size_t kFixedBytes = std::size_t{4} << 20;

/// Counts the heap's bytes while a target reads. One at a time in a process.
class HeapWatch {
 public:
  HeapWatch();
  ~HeapWatch();
  HeapWatch(const HeapWatch&) = delete;
  HeapWatch& operator=(const HeapWatch&) = delete;

  /// Bytes beyond kFixedBytes that were in use at once, for each byte of an input of `size`.
  [[nodiscard]] static double multiple(std::size_t size);
};

}  // namespace deformer::fuzz
