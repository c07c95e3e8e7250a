// Byte-level BPE: the bytes of a word, joined pair by pair in the order that training found.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace deformer {

/// Two tokens that become one. The earlier a rule stands in its list, the sooner it is applied.
struct BpeMerge {
  std::int32_t left = 0;
  std::int32_t right = 0;
  std::int32_t joined = 0;

  friend bool operator==(const BpeMerge&, const BpeMerge&) = default;
};

/// Finds the rule of a pair of tokens. Immutable, safe for concurrent calls.
class BpeMerges {
 public:
  static constexpr std::int32_t kNone = INT32_MAX;

  struct Rule {
    std::int32_t rank = kNone;  ///< kNone: the pair does not join
    std::int32_t joined = 0;
  };

  BpeMerges() = default;
  /// Of equal pairs the last one counts.
  explicit BpeMerges(const std::vector<BpeMerge>& merges);

  [[nodiscard]] Rule find(std::int32_t left, std::int32_t right) const noexcept;

 private:
  struct Slot {
    std::int32_t left = kFree;
    std::int32_t right = 0;
    Rule rule;
  };
  static constexpr std::int32_t kFree = -1;

  [[nodiscard]] std::size_t slot_of(std::int32_t left, std::int32_t right) const noexcept;

  std::vector<Slot> slots_;  // a power of two, at most half full
};

/// Cuts words into tokens. Immutable, safe for concurrent calls.
class BpeModel {
 public:
  struct Part {
    std::int32_t id = 0;
    std::uint32_t size_bytes = 0;

    friend bool operator==(const Part&, const Part&) = default;
  };

  /// `tokens` by id, spelled in the byte alphabet; ids in `merges` must be below their number. A
  /// byte that has no token is `unk`.
  BpeModel(const std::vector<std::string>& tokens, const std::vector<BpeMerge>& merges,
           std::int32_t unk);

  /// Appends the tokens of a word. Takes n log n time in its length.
  void append_parts(std::string_view word, std::vector<Part>& parts) const;

 private:
  void append_short(std::string_view word, std::vector<Part>& parts) const;
  void append_long(std::string_view word, std::vector<Part>& parts) const;

  std::array<std::int32_t, 256> bytes_{};  // the token of each byte
  BpeMerges merges_;
  // Words that become one token, so that most words are found without joining.
  PieceTable whole_;
};

}  // namespace deformer
