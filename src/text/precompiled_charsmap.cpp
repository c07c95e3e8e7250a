#include "text/precompiled_charsmap.h"

#include <utf8proc.h>

#include "deformer/error.h"
#include "text/unicode_facts.h"
#include "text/utf8.h"

namespace deformer {
namespace {

constexpr std::size_t kLongestGrapheme = 5;  // bytes

std::uint32_t read_unit(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

// Fields of a unit of Yata's double array (Darts-clone).
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) == 1;
}
std::uint32_t leaf_value(std::uint32_t unit) {
  return unit & 0x7FFFFFFF;
}
std::uint32_t label(std::uint32_t unit) {
  return unit & 0x800000FF;
}
std::size_t offset(std::uint32_t unit) {
  return static_cast<std::size_t>(unit >> 10) << ((unit & 0x200) >> 6);
}

// The first character behind the grapheme that begins at `begin`.
std::size_t grapheme_end(const SourcedChars& chars, std::size_t begin) {
  std::size_t end = begin + 1;
  utf8proc_int32_t state = 0;
  const auto joins_next = [&] {
    return utf8proc_grapheme_break_stateful(
               static_cast<utf8proc_int32_t>(chars[end - 1].code_point),
               static_cast<utf8proc_int32_t>(chars[end].code_point), &state) == 0;
  };
  while (end < chars.size() && joins_next()) ++end;
  return end;
}

// `replacement` in place of the characters [begin, end). One stands for one; where the numbers
// differ, the last ones share what is left.
void append_replacement(const SourcedChars& chars, std::size_t begin, std::size_t end,
                        std::string_view replacement, SourcedChars& result) {
  std::size_t from = begin;
  for (std::size_t at = 0; at < replacement.size();) {
    const DecodedChar c = decode_utf8(replacement, at);
    at += c.size_bytes;
    SourcedChar made{c.code_point, chars[from].source};
    if (at == replacement.size()) made.source.end = chars[end - 1].source.end;
    result.push_back(made);
    if (from + 1 < end) ++from;
  }
}

}  // namespace

PrecompiledCharsmap::PrecompiledCharsmap(std::string_view blob, const std::string& where) {
  const auto fail = [&] {
    throw Error(ErrorCode::kCorrupt, where + ": expected a table of replacements, found " +
                                         std::to_string(blob.size()) + " other bytes");
  };
  if (blob.size() < 4) fail();
  const std::size_t size = read_unit(blob, 0);
  blob.remove_prefix(4);
  if (size == 0 || size % 4 != 0 || size > blob.size()) fail();
  units_.reserve(size / 4);
  for (std::size_t at = 0; at < size; at += 4) units_.push_back(read_unit(blob, at));
  strings_ = blob.substr(size);
  if (!is_valid_utf8(strings_)) fail();
  for (std::size_t c = 0; c < kept_.size(); ++c) {
    const char character = static_cast<char>(c);
    kept_[c] = !find({&character, 1});
  }
}

std::optional<std::string_view> PrecompiledCharsmap::find(std::string_view text) const {
  std::size_t node = offset(units_.front());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return std::nullopt;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return std::nullopt;
    const std::size_t begin = leaf_value(units_[node]);
    if (begin >= strings_.size()) return std::string_view();
    return std::string_view(strings_).substr(begin, strings_.find('\0', begin) - begin);
  }
  return std::nullopt;
}

void PrecompiledCharsmap::append_grapheme(const SourcedChars& chars, std::size_t begin,
                                          std::size_t end, SourcedChars& result) const {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) append_utf8(text, chars[i].code_point);
  if (text.size() <= kLongestGrapheme) {
    if (const auto replacement = find(text)) {
      append_replacement(chars, begin, end, *replacement, result);
      return;
    }
  }
  for (std::size_t i = begin; i < end; ++i) {
    text.clear();
    append_utf8(text, chars[i].code_point);
    if (const auto replacement = find(text)) {
      append_replacement(chars, i, i + 1, *replacement, result);
    } else {
      result.push_back(chars[i]);
    }
  }
}

SourcedChars PrecompiledCharsmap::apply(const SourcedChars& chars) const {
  SourcedChars result;
  result.reserve(chars.size());
  for (std::size_t at = 0; at < chars.size();) {
    // Before U+0300 nothing joins what stands before it but a line feed.
    const bool alone = at + 1 == chars.size() || (chars[at + 1].code_point < kFirstCombiningMark &&
                                                  chars[at + 1].code_point != U'\n');
    if (alone && keeps(chars[at].code_point)) {
      result.push_back(chars[at++]);
      continue;
    }
    const std::size_t end = alone ? at + 1 : grapheme_end(chars, at);
    append_grapheme(chars, at, end, result);
    at = end;
  }
  return result;
}

}  // namespace deformer
