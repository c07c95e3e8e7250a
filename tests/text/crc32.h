// CRC-32 (the one of zlib) of the streams that scripts/golden/make_golden_tokenizer.py digests.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace deformer::test {

class Crc32 {
 public:
  void add_bytes(std::string_view bytes) {
    for (const char c : bytes) add_byte(static_cast<unsigned char>(c));
  }
  void add_integer(std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) add_byte((value >> shift) & 0xFF);
  }
  [[nodiscard]] std::uint32_t value() const { return ~state_; }

 private:
  static constexpr auto make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
      std::uint32_t value = byte;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0xEDB88320u : 0u);
      table[byte] = value;
    }
    return table;
  }

  void add_byte(std::uint32_t byte) {
    static constexpr auto kTable = make_table();
    state_ = (state_ >> 8) ^ kTable[(state_ ^ byte) & 0xFF];
  }

  std::uint32_t state_ = 0xFFFFFFFFu;
};

}  // namespace deformer::test
