#include "base/quote.h"

#include <nlohmann/json.hpp>

namespace deformer {
namespace {

constexpr std::size_t kShown = 120;  // the longest names of tensors have 90

// Where the text may be cut: not inside a code point.
std::size_t cut_before(std::string_view text, std::size_t end) {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  std::size_t begin = end;
  while (begin > 0 && end - begin < 3 && continues(text[begin])) --begin;
  return continues(text[begin]) ? end : begin;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string shown(text);
  if (text.size() > kShown) shown = std::string(text.substr(0, cut_before(text, kShown))) + "...";
  return nlohmann::json(shown).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string one_line(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      line += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      line += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace deformer
