// Reading fields one after the other, each bound checked.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "deformer/error.h"

namespace deformer {

/// Reads little-endian fields (this library runs on little-endian machines only). `where` names the
/// bytes in messages. Every function throws kCorrupt when the bytes end too early. The bytes must
/// outlive the reader. Not safe for concurrent calls.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, std::string where)
      : bytes_(bytes), where_(std::move(where)) {}

  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

  template <std::unsigned_integral Integer>
  [[nodiscard]] Integer fixed() {
    Integer value = 0;
    std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
    return value;
  }

  /// Protocol Buffers' and leveldb's: 7 bits a byte, the lowest first.
  [[nodiscard]] std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = fixed<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    fail("a number of at most 10 bytes", "a longer one");
  }

  [[nodiscard]] std::span<const std::byte> take(std::uint64_t size) {
    if (size > remaining()) {
      fail(std::to_string(size) + " more bytes", std::to_string(remaining()));
    }
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(size));
    position_ += taken.size();
    return taken;
  }
  [[nodiscard]] std::string_view text(std::uint64_t size) {
    const auto taken = take(size);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  /// Throws kCorrupt: "where: byte N: expected ..., found ...".
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const {
    throw Error(ErrorCode::kCorrupt, where_ + ": byte " + std::to_string(position_) +
                                         ": expected " + expected + ", found " + found);
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  std::string where_;
};

}  // namespace deformer
