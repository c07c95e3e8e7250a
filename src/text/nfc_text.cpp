#include "text/nfc_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "text/bert_chars.h"
#include "text/unicode_facts.h"
#include "text/utf8.h"

namespace deformer {
namespace {

struct NfcChar {
  char32_t code_point = 0;
  int combining_class = 0;
  ByteSpan source;
};
using NfcChars = std::vector<NfcChar>;

NfcChars decompose(std::string_view text) {
  NfcChars chars;
  chars.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const auto begin = static_cast<std::uint32_t>(at);
    for (const std::int32_t part : CanonicalDecomposition(c.code_point)) {
      const auto code_point = static_cast<char32_t>(part);
      chars.push_back({code_point,
                       combining_class(code_point, bert_char_kind(code_point)),
                       {begin, begin + c.size_bytes}});
    }
    at += c.size_bytes;
  }
  return chars;
}

void reorder_marks(NfcChars& chars) {
  const auto is_mark = [](const NfcChar& c) { return c.combining_class != 0; };
  for (auto begin = chars.begin(); begin != chars.end();) {
    begin = std::find_if(begin, chars.end(), is_mark);
    const auto end = std::find_if_not(begin, chars.end(), is_mark);
    std::stable_sort(begin, end, [](const NfcChar& a, const NfcChar& b) {
      return a.combining_class < b.combining_class;
    });
    begin = end;
  }
}

// The character that two become, 0 for none.
char32_t composed(char32_t first, char32_t second) {
  std::array<utf8proc_int32_t, 2> pair = {static_cast<utf8proc_int32_t>(first),
                                          static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  if (utf8proc_normalize_utf32(pair.data(), pair.size(), options) != 1) return 0;
  const auto result = static_cast<char32_t>(pair[0]);
  // One that is newer than the reference does not come apart either.
  const CanonicalDecomposition parts(result);
  return parts.end() - parts.begin() > 1 ? result : 0;
}

NfcChars compose(const NfcChars& chars) {
  NfcChars result;
  result.reserve(chars.size());
  std::size_t starter = 0;
  bool has_starter = false;
  for (const NfcChar& c : chars) {
    const bool adjacent = has_starter && starter + 1 == result.size();
    const bool blocked =
        !adjacent && has_starter && result.back().combining_class >= c.combining_class;
    const char32_t joined =
        has_starter && !blocked ? composed(result[starter].code_point, c.code_point) : 0;
    if (joined != 0) {
      ByteSpan& source = result[starter].source;
      result[starter].code_point = joined;
      source = {std::min(source.begin, c.source.begin), std::max(source.end, c.source.end)};
      continue;
    }
    if (c.combining_class == 0) {
      starter = result.size();
      has_starter = true;
    }
    result.push_back(c);
  }
  return result;
}

// A mark that changed places, or that another one passed, shares the range with the others.
void widen(NfcChars& chars) {
  for (std::size_t i = 1; i < chars.size(); ++i) {
    chars[i].source.end = std::max(chars[i].source.end, chars[i - 1].source.end);
  }
  for (std::size_t i = chars.size(); i-- > 1;) {
    chars[i - 1].source.begin = std::min(chars[i - 1].source.begin, chars[i].source.begin);
  }
}

}  // namespace

SourcedText nfc_text(std::string_view text) {
  NfcChars chars = decompose(text);
  reorder_marks(chars);
  chars = compose(chars);
  widen(chars);
  SourcedText result;
  result.text.reserve(text.size());
  result.sources.reserve(text.size());
  for (const NfcChar& c : chars) {
    append_utf8(result.text, c.code_point);
    result.sources.resize(result.text.size(), c.source);
  }
  return result;
}

bool may_change_in_nfc(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    if (c.code_point >= kFirstCombiningMark) return true;
    at += c.size_bytes;
  }
  return false;
}

}  // namespace deformer
