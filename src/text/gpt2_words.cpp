#include "text/gpt2_words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "text/utf8.h"

namespace deformer {
namespace {

enum class CharKind : std::uint8_t { kOther, kLetter, kNumber, kSpace };

struct ClassifiedChar {
  CharKind kind = CharKind::kOther;
  std::uint32_t size_bytes = 0;
};

constexpr auto make_ascii() {
  std::array<CharKind, 0x80> kinds{};
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (letter) kinds[c] = CharKind::kLetter;
    if (c >= '0' && c <= '9') kinds[c] = CharKind::kNumber;
    if (c == ' ' || (c >= '\t' && c <= '\r')) kinds[c] = CharKind::kSpace;
  }
  return kinds;
}

constexpr auto kAscii = make_ascii();

struct KindRange {
  char32_t first;
  char32_t last;
  CharKind kind;
};

// Letters and numbers of Unicode 15.1 and 16.0, which utf8proc 2.8 does not know; a newer one
// agrees.
constexpr KindRange kNew[] = {
    {0x1C89, 0x1C8A, CharKind::kLetter},   {0xA7CB, 0xA7CD, CharKind::kLetter},
    {0xA7DA, 0xA7DC, CharKind::kLetter},   {0x105C0, 0x105F3, CharKind::kLetter},
    {0x10D40, 0x10D49, CharKind::kNumber}, {0x10D4A, 0x10D65, CharKind::kLetter},
    {0x10D6F, 0x10D85, CharKind::kLetter}, {0x10EC2, 0x10EC4, CharKind::kLetter},
    {0x11380, 0x11389, CharKind::kLetter}, {0x1138B, 0x1138B, CharKind::kLetter},
    {0x1138E, 0x1138E, CharKind::kLetter}, {0x11390, 0x113B5, CharKind::kLetter},
    {0x113B7, 0x113B7, CharKind::kLetter}, {0x113D1, 0x113D1, CharKind::kLetter},
    {0x113D3, 0x113D3, CharKind::kLetter}, {0x116D0, 0x116E3, CharKind::kNumber},
    {0x11BC0, 0x11BE0, CharKind::kLetter}, {0x11BF0, 0x11BF9, CharKind::kNumber},
    {0x13460, 0x143FA, CharKind::kLetter}, {0x16100, 0x1611D, CharKind::kLetter},
    {0x16130, 0x16139, CharKind::kNumber}, {0x16D40, 0x16D6C, CharKind::kLetter},
    {0x16D70, 0x16D79, CharKind::kNumber}, {0x18CFF, 0x18CFF, CharKind::kLetter},
    {0x1CCF0, 0x1CCF9, CharKind::kNumber}, {0x1E5D0, 0x1E5ED, CharKind::kLetter},
    {0x1E5F0, 0x1E5F0, CharKind::kLetter}, {0x1E5F1, 0x1E5FA, CharKind::kNumber},
    {0x2EBF0, 0x2EE5D, CharKind::kLetter}};

CharKind kind_of_new(char32_t c) {
  const auto* const found =
      std::find_if(std::begin(kNew), std::end(kNew),
                   [c](const KindRange& range) { return range.first <= c && c <= range.last; });
  return found == std::end(kNew) ? CharKind::kOther : found->kind;
}

CharKind kind_of(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharKind::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharKind::kNumber;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharKind::kSpace;
    case UTF8PROC_CATEGORY_CN:
      return kind_of_new(c);
    default:
      return c == 0x85 ? CharKind::kSpace : CharKind::kOther;
  }
}

ClassifiedChar char_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < kAscii.size()) return {kAscii[byte], 1};
  const DecodedChar c = decode_utf8(text, at);
  return {kind_of(c.code_point), c.size_bytes};
}

// 's, 't, 're, 've, 'm, 'll, 'd: bytes after the apostrophe, 0 for none.
std::size_t contraction_bytes(std::string_view rest) {
  for (const std::string_view ending : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    if (rest.starts_with(ending)) return ending.size();
  }
  return 0;
}

std::size_t run_end(std::string_view text, std::size_t at, CharKind kind) {
  while (at < text.size()) {
    const ClassifiedChar c = char_at(text, at);
    if (c.kind != kind) break;
    at += c.size_bytes;
  }
  return at;
}

// White space up to the end of the text, else all but its last character, but at least one.
std::size_t space_end(std::string_view text, std::size_t begin) {
  std::size_t last = begin;
  std::size_t at = begin;
  while (at < text.size()) {
    const ClassifiedChar c = char_at(text, at);
    if (c.kind != CharKind::kSpace) return last == begin ? at : last;
    last = at;
    at += c.size_bytes;
  }
  return at;
}

}  // namespace

std::size_t gpt2_word_end(std::string_view text, std::size_t begin) noexcept {
  if (text[begin] == '\'') {
    const std::size_t size = contraction_bytes(text.substr(begin + 1));
    if (size > 0) return begin + 1 + size;
  }
  if (text[begin] == ' ' && begin + 1 < text.size()) {
    const ClassifiedChar next = char_at(text, begin + 1);
    if (next.kind != CharKind::kSpace) return run_end(text, begin + 1, next.kind);
  }
  const ClassifiedChar first = char_at(text, begin);
  return first.kind == CharKind::kSpace ? space_end(text, begin) : run_end(text, begin, first.kind);
}

}  // namespace deformer
