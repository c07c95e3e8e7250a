// What the processor can compute in, as far as it decides how a model runs.
#pragma once

namespace deformer {

/// Vectors of 256 bits and fused multiplication: AVX2, FMA.
[[nodiscard]] bool has_avx2();

/// Vectors of 512 bits: AVX-512 F, BW, DQ and VL, with which oneDNN takes them too.
[[nodiscard]] bool has_avx512();

/// Products of bf16 values at twice the rate of fp32 or better: AVX-512 BF16, which every processor
/// with AMX has too. oneDNN picks among them.
[[nodiscard]] bool has_bf16_products();

/// The same for fp16: AVX-512 FP16.
[[nodiscard]] bool has_fp16_products();

/// Products of 8-bit values are added in 32 bits: AVX-512 VNNI, and what is no x86. Without it
/// pairs of them are added in 16 bits first, which the largest values overflow.
[[nodiscard]] bool adds_int8_products_whole();

}  // namespace deformer
