#include "text/text_normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "text/bert_chars.h"
#include "text/mark_ranges.h"
#include "text/nfc_text.h"
#include "text/unicode_facts.h"
#include "text/utf8.h"

namespace deformer {
namespace {

bool has_at(const SourcedChars& chars, std::size_t at, const std::u32string& text) {
  if (text.size() > chars.size() - at) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (chars[at + i].code_point != text[i]) return false;
  }
  return true;
}

// All that replace [begin, end) share its range.
void append_shared(const SourcedChars& chars, std::size_t begin, std::size_t end,
                   const std::u32string& text, SourcedChars& result) {
  const ByteSpan source{chars[begin].source.begin, chars[end - 1].source.end};
  for (const char32_t c : text) result.push_back({c, source});
}

SourcedChars replace(const SourcedChars& chars, const std::u32string& from,
                     const std::u32string& to) {
  SourcedChars result;
  result.reserve(chars.size());
  for (std::size_t at = 0; at < chars.size();) {
    if (has_at(chars, at, from)) {
      append_shared(chars, at, at + from.size(), to, result);
      at += from.size();
    } else {
      result.push_back(chars[at++]);
    }
  }
  return result;
}

bool is_space(char32_t c) {
  return c == U' ';
}

bool is_line_break_or_tab(char32_t c) {
  return c == U'\n' || c == U'\r' || c == U'\t';
}

bool is_none(char32_t /*c*/) {
  return false;
}

// Runs of two or more that `squeezed` counts, and single ones that `replaced` counts, become `to`.
SourcedChars squeeze(const SourcedChars& chars, bool (*squeezed)(char32_t),
                     bool (*replaced)(char32_t), const std::u32string& to) {
  SourcedChars result;
  result.reserve(chars.size());
  for (std::size_t at = 0; at < chars.size();) {
    std::size_t end = at;
    while (end < chars.size() && squeezed(chars[end].code_point)) ++end;
    if (end == at + 1 && !replaced(chars[at].code_point)) end = at;
    if (end > at) {
      append_shared(chars, at, end, to, result);
      at = end;
    } else {
      result.push_back(chars[at++]);
    }
  }
  return result;
}

// Compatibility decompositions that are newer than the reference's Unicode 9.0: the era Reiwa,
// Latin letters of phonetics, legacy digits, Cyrillic letters above a line.
bool is_newer_compatible(char32_t c) {
  return c == 0x32FF || (c >= 0xA7F1 && c <= 0xA7F4) || (c >= 0x10781 && c <= 0x107BA) ||
         (c >= 0x1E030 && c <= 0x1E06D) || (c >= 0x1FBF0 && c <= 0x1FBF9) || c == 0xAB69 ||
         (c >= 0x1CCD6 && c <= 0x1CCF9) || c == 0x1F16C;
}

class Decomposition {
 public:
  Decomposition(std::int32_t code_point, int options) {
    int last_boundclass = 0;
    size_ = utf8proc_decompose_char(code_point, parts_.data(), parts_.size(),
                                    static_cast<utf8proc_option_t>(options), &last_boundclass);
  }
  [[nodiscard]] const utf8proc_int32_t* begin() const { return parts_.data(); }
  [[nodiscard]] const utf8proc_int32_t* end() const { return parts_.data() + size_; }

 private:
  std::array<utf8proc_int32_t, kMaxDecomposition> parts_{};
  std::ptrdiff_t size_;
};

// Whether the reference knows no decomposition of it, though newer Unicode has one.
bool stays_closed(char32_t c) {
  if (is_newer_compatible(c)) return true;
  const CanonicalDecomposition known(c);
  const auto code_point = static_cast<std::int32_t>(c);
  if (known.end() - known.begin() > 1 || *known.begin() != code_point) return false;
  const Decomposition newest(code_point, UTF8PROC_DECOMPOSE);
  return newest.end() - newest.begin() > 1 || *newest.begin() != code_point;
}

void append_decomposed(const SourcedChar& c, SourcedChars& result) {
  if (stays_closed(c.code_point)) {
    result.push_back(c);
    return;
  }
  const auto code_point = static_cast<std::int32_t>(c.code_point);
  for (const std::int32_t part : Decomposition(code_point, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT)) {
    result.push_back({static_cast<char32_t>(part), c.source});
  }
}

int class_of(const SourcedChar& c) {
  return combining_class(c.code_point, bert_char_kind(c.code_point));
}

SourcedChars decompose(const SourcedChars& chars) {
  SourcedChars result;
  result.reserve(chars.size());
  for (const SourcedChar& c : chars) {
    if (c.code_point < 0x80) {
      result.push_back(c);
    } else {
      append_decomposed(c, result);
    }
  }
  const auto moves = [](const SourcedChar& c) { return class_of(c) != 0; };
  for (auto begin = result.begin(); begin != result.end();) {
    begin = std::find_if(begin, result.end(), moves);
    const auto end = std::find_if_not(begin, result.end(), moves);
    std::stable_sort(begin, end, [](const SourcedChar& a, const SourcedChar& b) {
      return class_of(a) < class_of(b);
    });
    begin = end;
  }
  return result;
}

// By way of UTF-8, whose bytes nfc_text() maps.
SourcedChars compose(const SourcedChars& chars) {
  std::string text;
  std::vector<std::size_t> char_of;  // of each byte
  for (std::size_t i = 0; i < chars.size(); ++i) {
    append_utf8(text, chars[i].code_point);
    char_of.resize(text.size(), i);
  }
  if (!may_change_in_nfc(text)) return chars;
  const SourcedText composed = nfc_text(text);
  SourcedChars result;
  result.reserve(chars.size());
  for (std::size_t at = 0; at < composed.text.size();) {
    const DecodedChar c = decode_utf8(composed.text, at);
    const ByteSpan& source = composed.sources[at];
    result.push_back(
        {c.code_point,
         {chars[char_of[source.begin]].source.begin, chars[char_of[source.end - 1]].source.end}});
    at += c.size_bytes;
  }
  return result;
}

bool is_mark(char32_t c) {
  if (c < kMarkRanges[0].first) return false;
  const auto* range =
      std::lower_bound(std::begin(kMarkRanges), std::end(kMarkRanges), c,
                       [](const MarkRange& r, char32_t code) { return r.last < code; });
  return range != std::end(kMarkRanges) && range->first <= c;
}

SourcedChars strip_accents(const SourcedChars& chars) {
  SourcedChars result;
  result.reserve(chars.size());
  std::copy_if(chars.begin(), chars.end(), std::back_inserter(result),
               [](const SourcedChar& c) { return !is_mark(c.code_point); });
  return result;
}

SourcedChars lowercase(const SourcedChars& chars) {
  SourcedChars result;
  result.reserve(chars.size());
  for (const SourcedChar& c : chars) {
    const LowerCase lower = lower_case(c.code_point);
    result.push_back({lower.first, c.source});
    if (lower.second != 0) result.push_back({lower.second, c.source});
  }
  return result;
}

bool is_blank(const SourcedChar& c) {
  return is_white_space(c.code_point);
}

}  // namespace

SourcedChars apply_step(const NormalizerStep& step, const SourcedChars& chars) {
  using Kind = NormalizerStep::Kind;
  switch (step.kind) {
    case Kind::kReplace:
      return replace(chars, step.from, step.to);
    case Kind::kSqueezeSpaces:
      return squeeze(chars, is_space, is_none, step.to);
    case Kind::kSqueezeWhiteSpace:
      return squeeze(chars, is_white_space, is_line_break_or_tab, step.to);
    case Kind::kNfc:
      return compose(chars);
    case Kind::kNfkd:
      return decompose(chars);
    case Kind::kStripAccents:
      return strip_accents(chars);
    case Kind::kLowercase:
      return lowercase(chars);
    case Kind::kStripLeft:
      return {std::find_if_not(chars.begin(), chars.end(), is_blank), chars.end()};
    case Kind::kStripRight:
      return {chars.begin(), std::find_if_not(chars.rbegin(), chars.rend(), is_blank).base()};
    case Kind::kPrecompiled:
      return step.charsmap->apply(chars);
  }
  return chars;
}

}  // namespace deformer
