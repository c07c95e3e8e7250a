// Loops that are written once and compiled for several instruction sets, for the compiler to
// vectorise. has_avx2() and has_avx512() (base/processor.h) choose among them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

/// Of a loop: each function that calls it compiles it for its own instruction set.
#define DEFORMER_INLINE [[gnu::always_inline]] inline

#if defined(__x86_64__) && defined(__GNUC__)
#define DEFORMER_X86 1
/// What has_avx2() finds; every processor with AVX2 has F16C, which is older.
#define DEFORMER_AVX2 [[gnu::target("avx2,fma,f16c")]]
/// What has_avx512() finds.
#define DEFORMER_AVX512 [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,fma")]]
#else
#define DEFORMER_X86 0
#endif

namespace deformer {

/// Largest |value| of a row; NaN where one is. The bits are compared: as integers magnitudes order
/// like the values, NaN above all, and a maximum of integers is vectorised where one of floats
/// would not be, because of NaN.
DEFORMER_INLINE float largest_magnitude(const float* row, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::bit_cast<std::uint32_t>(row[i]) & 0x7FFFFFFFU);
  }
  return std::bit_cast<float>(largest);
}

}  // namespace deformer
