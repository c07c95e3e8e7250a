// UTF-8, decoded tolerantly, and the way between byte offsets and code-point offsets.
//
// One rule for bytes that are no UTF-8: each byte that does not belong to a well-formed sequence
// (Unicode 15.0, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF, nothing
// truncated) is one code point of one byte, U+FFFD. So every byte string is a sequence of code
// points, and its code-point boundaries are found from left to right without context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedChar {
  char32_t code_point = 0;
  std::uint32_t size_bytes = 0;  ///< 1 to 4; 1 for an invalid byte
};

/// The code point that begins at `at`, which must be < text.size().
[[nodiscard]] DecodedChar decode_utf8(std::string_view text, std::size_t at) noexcept;

/// Appends the UTF-8 of a code point that is no surrogate and at most U+10FFFF.
void append_utf8(std::string& text, char32_t code_point);

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

[[nodiscard]] std::size_t count_code_points(std::string_view text) noexcept;

/// Converts offsets of one text, both ways, in constant (code point to byte) or logarithmic time
/// plus at most 64 decoding steps. A view: the text must outlive it. Immutable, safe for concurrent
/// calls.
///
///   const CodePointIndex index(passage.text);
///   const std::size_t begin = index.byte_of(answer_start);
class CodePointIndex {
 public:
  explicit CodePointIndex(std::string_view text);

  /// Number of code points of the text.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Number of code points that begin before `byte`. At a boundary that is the code-point offset; a
  /// byte inside a code point counts as the boundary after it. Throws kInvalidArgument when byte >
  /// text.size().
  [[nodiscard]] std::size_t code_points_before(std::size_t byte) const;

  /// Byte at which a code point begins; text.size() for size(). Throws kInvalidArgument when
  /// code_point > size().
  [[nodiscard]] std::size_t byte_of(std::size_t code_point) const;

 private:
  std::string_view text_;
  std::size_t size_ = 0;
  std::vector<std::size_t> marks_;  // byte of every 64th code point; empty when all are one byte
};

}  // namespace deformer
