// Passages for the tests of the store layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer::test {

inline constexpr Fingerprint kModel{0x0123456789abcdef, 0xfedcba9876543210};
inline constexpr Fingerprint kOtherModel{0x0123456789abcdef, 0xfedcba9876543211};

struct PassageShape {
  std::size_t tokens = 20;
  std::size_t hidden_size = 8;
  HiddenCodec codec = HiddenCodec::kFp16;
  std::uint64_t projection_hash = 0;  ///< another number: with random projections
};

/// A passage whose every part follows from `id` and `seed`: words, spans, windows of 12 tokens
/// every 8, and random states.
[[nodiscard]] EncodedPassage make_passage(const std::string& id, std::uint64_t seed = 0,
                                          const PassageShape& shape = {});

/// No tokens, no windows.
[[nodiscard]] EncodedPassage make_empty_passage(const std::string& id, const std::string& text);

[[nodiscard]] bool is_same(const HiddenStates& a, const HiddenStates& b);

/// Whether every field and every bit of the states and projections is the same.
[[nodiscard]] bool is_same(const EncodedPassage& a, const EncodedPassage& b);

/// One passage of a store, or nullptr.
[[nodiscard]] std::shared_ptr<const EncodedPassage> get_one(const PassageStore& store,
                                                            const std::string& id);

/// Fails the test unless the store holds exactly this under the passage's id.
void expect_holds(const PassageStore& store, const EncodedPassage& passage);

/// Random values in (-1, 1), the same for the same seed.
[[nodiscard]] std::vector<float> make_values(std::size_t count, std::uint64_t seed);

/// DEFORMER_SOAK_SECONDS, or `normally`: how long tests that look for races go on.
[[nodiscard]] double soak_seconds(double normally);

}  // namespace deformer::test
