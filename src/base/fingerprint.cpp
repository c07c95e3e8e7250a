#include <charconv>

#include "base/quote.h"
#include "deformer/error.h"
#include "deformer/types.h"

namespace deformer {
namespace {

constexpr std::size_t kHexDigits = 16;

std::string to_hex(std::uint64_t value) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text(kHexDigits, '0');
  for (std::size_t i = 0; i < kHexDigits; ++i) text[i] = kDigits[value >> (60 - 4 * i) & 15];
  return text;
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value, 16);
  // One spelling only: from_chars would take capitals too.
  if (parsed.ec != std::errc() || parsed.ptr != end || to_hex(value) != digits) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(const Fingerprint& fingerprint) {
  return to_hex(fingerprint.high) + to_hex(fingerprint.low);
}

Fingerprint parse_fingerprint(std::string_view text) {
  if (text.size() == 2 * kHexDigits) {
    const auto high = parse_hex(text.substr(0, kHexDigits));
    const auto low = parse_hex(text.substr(kHexDigits));
    if (high && low) return {*high, *low};
  }
  throw Error(ErrorCode::kInvalidArgument,
              "fingerprint: expected 32 lower-case hexadecimal digits, found " + in_quotes(text));
}

}  // namespace deformer
