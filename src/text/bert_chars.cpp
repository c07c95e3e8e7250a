#include "text/bert_chars.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "text/bert_char_ranges.h"
#include "text/unicode_facts.h"

namespace deformer {
namespace {

constexpr char32_t kPlaneSize = 0x10000;

// Nearly all text lies in the first plane: one load there, a binary search elsewhere.
constexpr auto make_first_plane() {
  std::array<BertCharKind, kPlaneSize> kinds{};
  for (const BertCharRange& range : kBertCharRanges) {
    for (char32_t c = range.first; c <= range.last && c < kPlaneSize; ++c) kinds[c] = range.kind;
  }
  return kinds;
}

constexpr auto kFirstPlane = make_first_plane();

struct CaseRange {
  char32_t first;
  char32_t last;
  char32_t lower;  // of `first`
};

// Capital letters of Unicode 16.0 and 17.0, which utf8proc 2.8 does not know; a newer one agrees.
constexpr CaseRange kNewCapitals[] = {
    {0x1C89, 0x1C89, 0x1C8A},    {0xA7CB, 0xA7CB, 0x0264}, {0xA7CC, 0xA7CC, 0xA7CD},
    {0xA7CE, 0xA7CE, 0xA7CF},    {0xA7D2, 0xA7D2, 0xA7D3}, {0xA7D4, 0xA7D4, 0xA7D5},
    {0xA7DA, 0xA7DA, 0xA7DB},    {0xA7DC, 0xA7DC, 0x019B}, {0x10D50, 0x10D65, 0x10D70},
    {0x16EA0, 0x16EB8, 0x16EBB},
};

// Decompositions that are newer than Unicode 9.0: Dives Akuru, Todhri, Tulu-Tigalari, Gurung Khema,
// Kirat Rai.
bool is_newer_composite(char32_t c) {
  return c == 0x11938 || c == 0x105C9 || c == 0x105E4 || (c >= 0x11380 && c <= 0x113FF) ||
         (c >= 0x16100 && c <= 0x1613F) || (c >= 0x16D40 && c <= 0x16D7F);
}

}  // namespace

BertCharKind bert_char_kind(char32_t code_point) noexcept {
  if (code_point < kPlaneSize) return kFirstPlane[code_point];
  const auto* range =
      std::lower_bound(std::begin(kBertCharRanges), std::end(kBertCharRanges), code_point,
                       [](const BertCharRange& r, char32_t c) { return r.last < c; });
  const bool found = range != std::end(kBertCharRanges) && range->first <= code_point;
  return found ? range->kind : BertCharKind::kOrdinary;
}

int combining_class(char32_t code_point, BertCharKind kind) noexcept {
  if (kind != BertCharKind::kMark && kind != BertCharKind::kKeptMark) return 0;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class;
}

CanonicalDecomposition::CanonicalDecomposition(char32_t code_point) noexcept {
  code_points_[0] = static_cast<std::int32_t>(code_point);
  if (is_newer_composite(code_point)) return;
  int last_boundclass = 0;
  const auto size =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), code_points_,
                              std::size(code_points_), UTF8PROC_DECOMPOSE, &last_boundclass);
  if (size > 0) size_ = static_cast<int>(size);
}

LowerCase lower_case(char32_t code_point) noexcept {
  if (code_point == kCapitalIWithDot) return {U'i', kCombiningDotAbove};
  for (const CaseRange& range : kNewCapitals) {
    if (code_point >= range.first && code_point <= range.last) {
      return {range.lower + (code_point - range.first), 0};
    }
  }
  return {static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point))), 0};
}

}  // namespace deformer
