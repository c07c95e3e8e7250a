// What BERT's text cleaning does with single code points. The reference is Hugging Face's
// `tokenizers`, whose facts belong to three versions of Unicode: categories to 8.0, decompositions
// and combining classes to 9.0, lower case to 17.0. Code points that are newer than that are
// kOrdinary, and keep no class and no decomposition.
#pragma once

#include <cstdint>
#include <vector>

namespace deformer {

enum class BertCharKind : std::uint8_t {
  kOrdinary,
  kDropped,      ///< control, format and private-use characters, U+0000, U+FFFD
  kSpace,        ///< ends a word
  kIdeograph,    ///< CJK: a word of its own
  kPunctuation,  ///< a word of its own; ASCII symbols such as '$' are punctuation too
  kMark,         ///< nonspacing mark: what strip_accents removes
  kKeptMark,     ///< takes part in the reordering of marks but is never removed
};

[[nodiscard]] BertCharKind bert_char_kind(char32_t code_point) noexcept;

/// Canonical combining class; 0 for a starter, which all but kMark and kKeptMark are.
[[nodiscard]] int combining_class(char32_t code_point, BertCharKind kind) noexcept;

/// Full canonical decomposition: 1 to 4 code points.
class CanonicalDecomposition {
 public:
  explicit CanonicalDecomposition(char32_t code_point) noexcept;

  [[nodiscard]] const std::int32_t* begin() const noexcept { return code_points_; }
  [[nodiscard]] const std::int32_t* end() const noexcept { return code_points_ + size_; }

 private:
  std::int32_t code_points_[4];
  int size_ = 1;
};

/// Lower case of one code point, without regard to its neighbours: one code point, but for U+0130,
/// which is 'i' and the mark U+0307. `second` is then U+0307, else 0.
struct LowerCase {
  char32_t first = 0;
  char32_t second = 0;
};

[[nodiscard]] LowerCase lower_case(char32_t code_point) noexcept;

}  // namespace deformer
