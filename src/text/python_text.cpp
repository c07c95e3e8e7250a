#include "text/python_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "deformer/error.h"
#include "text/unicode_facts.h"
#include "text/utf8.h"

namespace deformer {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallFinalSigma = 0x3C2;
constexpr char32_t kSmallSigma = 0x3C3;

utf8proc_category_t category_of(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t kSize>
bool is_in(const std::array<Range, kSize>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return range.first <= c && c <= range.last; });
}

// Unicode's derived properties Case_Ignorable and Cased are not in utf8proc. Both are general
// categories plus the few characters below; of Cased, only those that are not also Case_Ignorable,
// because nothing else is ever asked.
bool is_case_ignorable(char32_t c) {
  // Word_Break = MidLetter, MidNumLet, Single_Quote.
  constexpr std::array<char32_t, 17> kInsideWords = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                                     0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                                     0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  switch (category_of(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::find(kInsideWords.begin(), kInsideWords.end(), c) != kInsideWords.end();
  }
}

bool is_cased(char32_t c) {
  // Other_Lowercase, Other_Uppercase: ordinal indicators, Roman numerals, enclosed letters.
  constexpr std::array<Range, 7> kOtherCased = {{{0xAA, 0xAA},
                                                 {0xBA, 0xBA},
                                                 {0x2160, 0x217F},
                                                 {0x24B6, 0x24E9},
                                                 {0x1F130, 0x1F149},
                                                 {0x1F150, 0x1F169},
                                                 {0x1F170, 0x1F189}}};
  switch (category_of(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      return is_in(kOtherCased, c);
  }
}

// Unicode's Final_Sigma: after a cased letter and not before one, case-ignorable ones skipped.
bool is_final_sigma(std::u32string_view text, std::size_t at) {
  const auto counts = [](char32_t c) { return !is_case_ignorable(c); };
  const std::u32string_view before = text.substr(0, at);
  const std::u32string_view after = text.substr(at + 1);
  const auto previous = std::find_if(before.rbegin(), before.rend(), counts);
  const auto next = std::find_if(after.begin(), after.end(), counts);
  return previous != before.rend() && is_cased(*previous) &&
         (next == after.end() || !is_cased(*next));
}

}  // namespace

std::u32string to_utf32(std::string_view text) {
  std::u32string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    if (c.code_point == kReplacementCharacter && c.size_bytes == 1) {
      throw Error(
          ErrorCode::kInvalidArgument,
          "answer text: expected UTF-8, found a malformed sequence at byte " + std::to_string(at));
    }
    decoded.push_back(c.code_point);
    at += c.size_bytes;
  }
  return decoded;
}

std::string to_utf8(std::u32string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char32_t c : text) append_utf8(encoded, c);
  return encoded;
}

std::u32string python_lower(std::u32string_view text) {
  std::u32string lower;
  lower.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == kCapitalSigma) {
      lower.push_back(is_final_sigma(text, i) ? kSmallFinalSigma : kSmallSigma);
    } else if (c == kCapitalIWithDot) {  // the one character whose full mapping is longer
      lower.append({U'i', kCombiningDotAbove});
    } else {
      lower.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return lower;
}

bool is_python_word(char32_t c) {
  switch (category_of(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return c == U'_';
  }
}

bool is_python_space(char32_t c) {
  constexpr std::array<Range, 10> kSpaces = {{{0x09, 0x0D},
                                              {0x1C, 0x20},
                                              {0x85, 0x85},
                                              {0xA0, 0xA0},
                                              {0x1680, 0x1680},
                                              {0x2000, 0x200A},
                                              {0x2028, 0x2029},
                                              {0x202F, 0x202F},
                                              {0x205F, 0x205F},
                                              {0x3000, 0x3000}}};
  return is_in(kSpaces, c);
}

}  // namespace deformer
