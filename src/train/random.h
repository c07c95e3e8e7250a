// Random numbers that are the same on every machine and with every standard library.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace deformer {

/// A seed for one purpose, from numbers that name it (SplitMix64's finaliser over each).
[[nodiscard]] constexpr std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t purpose,
                                               std::uint64_t index = 0) noexcept {
  std::uint64_t mixed = 0;
  for (const std::uint64_t part : {seed, purpose, index}) {
    mixed = (mixed ^ part) + 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    mixed ^= mixed >> 31U;
  }
  return mixed;
}

/// Fisher-Yates with unbiased draws; std::shuffle differs between standard libraries.
template <typename T>
void shuffle(std::vector<T>& values, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  for (std::size_t left = values.size(); left > 1; --left) {
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % left;
    std::uint64_t draw = engine();
    while (draw >= limit) draw = engine();
    std::swap(values[left - 1], values[draw % left]);
  }
}

}  // namespace deformer
