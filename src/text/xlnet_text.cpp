#include "text/xlnet_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include "text/python_text.h"
#include "text/sourced_chars.h"
#include "text/unicode_facts.h"
#include "text/utf8.h"

namespace deformer {
namespace {

// " ".join(text.split())
SourcedChars squeeze_spaces(const SourcedChars& chars) {
  SourcedChars squeezed;
  squeezed.reserve(chars.size());
  SourcedChar space{U' ', {}};
  bool pending = false;
  for (const SourcedChar& c : chars) {
    if (is_python_space(c.code_point)) {
      if (!pending) space.source.begin = c.source.begin;
      space.source.end = c.source.end;
      pending = true;
      continue;
    }
    if (pending && !squeezed.empty()) squeezed.push_back(space);
    pending = false;
    squeezed.push_back(c);
  }
  return squeezed;
}

// text.replace(quote + quote, '"')
void replace_doubled(SourcedChars& chars, char32_t quote) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    SourcedChar c = chars[i];
    if (c.code_point == quote && i + 1 < chars.size() && chars[i + 1].code_point == quote) {
      ++i;
      c = {U'"', {c.source.begin, chars[i].source.end}};
    }
    chars[kept++] = c;
  }
  chars.resize(kept);
}

// Canonical reordering is left out: it moves combining characters only, and they go.
SourcedChars without_accents(const SourcedChars& chars) {
  SourcedChars stripped;
  stripped.reserve(chars.size());
  for (const SourcedChar& c : chars) {
    std::array<utf8proc_int32_t, kMaxDecomposition> parts{};
    int last_boundclass = 0;
    const auto size = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(c.code_point), parts.data(), parts.size(),
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT), &last_boundclass);
    for (std::ptrdiff_t i = 0; i < size; ++i) {
      const utf8proc_int32_t part = parts[static_cast<std::size_t>(i)];
      if (utf8proc_get_property(part)->combining_class != 0) continue;
      stripped.push_back({static_cast<char32_t>(part), c.source});
    }
  }
  return stripped;
}

SourcedChars lower(const SourcedChars& chars) {
  std::u32string text;
  text.reserve(chars.size());
  for (const SourcedChar& c : chars) text.push_back(c.code_point);
  const std::u32string lowered = python_lower(text);
  SourcedChars result;
  result.reserve(lowered.size());
  for (const SourcedChar& c : chars) {
    const int parts = c.code_point == kCapitalIWithDot ? 2 : 1;
    for (int i = 0; i < parts; ++i) result.push_back({lowered[result.size()], c.source});
  }
  return result;
}

// Most texts are clean already, or so but for a few characters; those that are take no detour.
bool is_plain(std::string_view text) {
  char previous = ' ';
  for (const char c : text) {
    const bool printable = c >= ' ' && c <= '~';
    const bool doubled = c == previous && (c == ' ' || c == '`' || c == '\'');
    if (!printable || doubled) return false;
    previous = c;
  }
  return !text.empty() && previous != ' ';
}

XlnetText as_it_is(std::string_view text) {
  XlnetText cleaned{std::string(text), {}};
  cleaned.sources.reserve(text.size());
  for (std::uint32_t i = 0; i < text.size(); ++i) cleaned.sources.push_back({i, i + 1});
  return cleaned;
}

XlnetText encode(const SourcedChars& chars) {
  XlnetText cleaned;
  for (const SourcedChar& c : chars) {
    append_utf8(cleaned.text, c.code_point);
    cleaned.sources.resize(cleaned.text.size(), c.source);
  }
  return cleaned;
}

}  // namespace

XlnetText clean_xlnet_text(std::string_view text, const XlnetCleaning& cleaning) {
  if (!cleaning.lower_case && is_plain(text)) return as_it_is(text);
  SourcedChars chars = decode_chars(text);
  if (cleaning.remove_space) chars = squeeze_spaces(chars);
  if (cleaning.plain_quotes) {
    replace_doubled(chars, U'`');
    replace_doubled(chars, U'\'');
  }
  if (!cleaning.keep_accents) chars = without_accents(chars);
  if (cleaning.lower_case) chars = lower(chars);
  return encode(chars);
}

bool is_python_digit(char32_t c) {
  // Numeric_Type=Digit beside the decimal digits (category Nd).
  constexpr std::array<std::pair<char32_t, char32_t>, 20> kOtherDigits = {
      {{0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
       {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
       {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
       {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
       {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}}};
  const auto holds = [c](const auto& range) { return range.first <= c && c <= range.second; };
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND ||
         std::any_of(kOtherDigits.begin(), kOtherDigits.end(), holds);
}

}  // namespace deformer
