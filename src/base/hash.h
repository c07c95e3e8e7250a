// XXH3, the project's only hash. Values are stable across machines and versions; not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace deformer {

/// False in fuzzers, which cannot guess checksums and are to see what lies behind them.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline constexpr bool kChecksumsCount = false;
#else
inline constexpr bool kChecksumsCount = true;
#endif

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] std::uint64_t hash64(std::span<const std::byte> bytes) noexcept;
[[nodiscard]] std::uint64_t hash64(std::string_view text) noexcept;

/// Hashes a sequence of fields. Each field is preceded by its length, so that ("ab", "c") and ("a",
/// "bc") differ.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& add(std::span<const std::byte> bytes);
  Hasher& add(std::string_view text);
  Hasher& add(std::int64_t value);  ///< little-endian

  [[nodiscard]] Hash128 digest128() const;
  [[nodiscard]] std::uint64_t digest64() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deformer
