#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace deformer {
namespace {

constexpr char32_t kFirstStandIn = 0x100;
constexpr std::size_t kBytes = 256;

constexpr bool stands_for_itself(std::size_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr auto make_characters() {
  std::array<char32_t, kBytes> characters{};
  char32_t stand_in = kFirstStandIn;
  for (std::size_t byte = 0; byte < kBytes; ++byte) {
    characters[byte] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : stand_in++;
  }
  return characters;
}

constexpr auto kCharacters = make_characters();

// By character; -1 for one that stands for no byte.
constexpr auto make_bytes() {
  std::array<std::int16_t, 2 * kBytes> bytes{};
  bytes.fill(-1);
  for (std::size_t byte = 0; byte < kBytes; ++byte) {
    bytes[kCharacters[byte]] = static_cast<std::int16_t>(byte);
  }
  return bytes;
}

constexpr auto kBytesOfCharacters = make_bytes();

}  // namespace

char32_t byte_character(unsigned char byte) noexcept {
  return kCharacters[byte];
}

std::optional<std::string> bytes_of_spelling(std::string_view token) {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const DecodedChar c = decode_utf8(token, at);
    if (c.code_point >= kBytesOfCharacters.size()) return std::nullopt;
    const std::int16_t byte = kBytesOfCharacters[c.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    at += c.size_bytes;
  }
  return bytes;
}

}  // namespace deformer
