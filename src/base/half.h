// IEEE 754 binary16 in plain integers, for processors without it and for single values.
#pragma once

#include <bit>
#include <cstdint>

namespace deformer {

inline constexpr float kHalfMax = 65504.0F;

/// Exact for every bit pattern. Does not depend on the flush-to-zero modes that LibTorch may have
/// set: no intermediate value is subnormal.
[[nodiscard]] inline float half_to_float(std::uint16_t half) noexcept {
  constexpr std::uint32_t kExponent = 0x7c00U << 13;
  constexpr float kSmallestNormal = 0x1p-14F;
  const std::uint32_t magnitude = (half & 0x7fffU) << 13;
  const std::uint32_t exponent = magnitude & kExponent;
  const std::uint32_t normal = magnitude + ((127U - 15U) << 23);
  const std::uint32_t infinite = normal + ((128U - 16U) << 23);
  const auto subnormal = std::bit_cast<std::uint32_t>(
      std::bit_cast<float>(magnitude + ((127U - 14U) << 23)) - kSmallestNormal);
  const std::uint32_t finite = exponent == 0 ? subnormal : normal;
  const std::uint32_t sign = (half & 0x8000U) << 16;
  return std::bit_cast<float>(sign | (exponent == kExponent ? infinite : finite));
}

/// Rounds to nearest even. |value| must be below 65520, where rounding reaches infinity.
[[nodiscard]] inline std::uint16_t float_to_half(float value) noexcept {
  constexpr std::uint32_t kSmallestNormal = (127U - 14U) << 23;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  // Adding half a unit less one, and one more when the kept part is odd, carries as rounding does.
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  const std::uint32_t normal = (magnitude - ((127U - 15U) << 23) + 0xfffU + odd) >> 13;
  // The last bit of 0.5 is worth 2^-24, as is that of a subnormal half: the addition rounds.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) -
      std::bit_cast<std::uint32_t>(0.5F);
  const std::uint32_t half = magnitude < kSmallestNormal ? subnormal : normal;
  return static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000U));
}

}  // namespace deformer
