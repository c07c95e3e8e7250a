// Loops that are written once and compiled for several instruction sets, for the compiler to
// vectorise. has_avx2() and has_avx512() (base/processor.h) choose among them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

/// Of a loop: each function that calls it compiles it for its own instruction set.
#define DEFORMER_INLINE [[gnu::always_inline]] inline

/// Before a loop whose rows do not overlap, or are one: the compiler need not ask.
#if defined(__clang__)
#define DEFORMER_NO_ALIAS _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define DEFORMER_NO_ALIAS _Pragma("GCC ivdep")
#else
#define DEFORMER_NO_ALIAS
#endif

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

/// e^x for x <= 0, within 2 units in the last place (the polynomial is that of Cephes' expf).
DEFORMER_INLINE float exp_negative(float x) {
  const float clamped = std::max(x, -87.0F);
  const auto power = static_cast<std::int32_t>(clamped * 1.44269504F - 0.5F);  // truncates upwards
  const auto whole = static_cast<float>(power);
  const float rest = (clamped - whole * 0.693359375F) + whole * 2.12194440e-4F;
  float sum = 1.9875691500e-4F;
  sum = sum * rest + 1.3981999507e-3F;
  sum = sum * rest + 8.3334519073e-3F;
  sum = sum * rest + 4.1665795894e-2F;
  sum = sum * rest + 1.6666665459e-1F;
  sum = sum * rest + 5.0000001201e-1F;
  sum = sum * rest * rest + rest + 1.0F;
  return sum * std::bit_cast<float>((power + 127) << 23);
}

}  // namespace deformer
