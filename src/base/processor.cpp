#include "base/processor.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace deformer {

#if defined(__x86_64__)

bool has_avx2() {
  return __builtin_cpu_supports("avx2") > 0 && __builtin_cpu_supports("fma") > 0;
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") > 0 && __builtin_cpu_supports("avx512bw") > 0 &&
         __builtin_cpu_supports("avx512dq") > 0 && __builtin_cpu_supports("avx512vl") > 0;
}

bool has_bf16_products() {
  return __builtin_cpu_supports("avx512bf16") > 0;
}

// By number: compilers before GCC 12 do not know the feature's name. That the system saves the
// registers is what AVX-512 in general tells.
bool has_fp16_products() {
  constexpr unsigned kFeatures = 7;
  constexpr unsigned kFp16Bit = 1U << 23U;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(kFeatures, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (edx & kFp16Bit) != 0 && __builtin_cpu_supports("avx512bw") > 0;
}

bool adds_int8_products_whole() {
  return __builtin_cpu_supports("avx512vnni") > 0;
}

#else

bool has_avx2() {
  return false;
}

bool has_avx512() {
  return false;
}

bool has_bf16_products() {
  return false;
}

bool has_fp16_products() {
  return false;
}

bool adds_int8_products_whole() {
  return true;
}

#endif

}  // namespace deformer
