#include "text/sourced_chars.h"

#include "text/utf8.h"

namespace deformer {

SourcedChars decode_chars(std::string_view text) {
  SourcedChars chars;
  chars.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const auto begin = static_cast<std::uint32_t>(at);
    chars.push_back({c.code_point, {begin, begin + c.size_bytes}});
    at += c.size_bytes;
  }
  return chars;
}

bool is_white_space(char32_t c) noexcept {
  if (c < 0x80) return c == U' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace deformer
