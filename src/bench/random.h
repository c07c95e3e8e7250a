// Draws that are the same with every standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace deformer {

class BenchRandom {
 public:
  explicit BenchRandom(std::uint64_t seed) : engine_(seed) {}

  /// 0 to limit - 1. The bias of the remainder is below 2^-32 for any limit that occurs here.
  [[nodiscard]] std::size_t below(std::size_t limit) { return engine_() % limit; }

  /// `count` of the numbers below `limit`, each at most once.
  [[nodiscard]] std::vector<std::size_t> choose(std::size_t count, std::size_t limit) {
    std::vector<std::size_t> all(limit);
    std::iota(all.begin(), all.end(), std::size_t{0});
    if (count > limit) count = limit;
    for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + below(limit - i)]);
    all.resize(count);
    return all;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace deformer
