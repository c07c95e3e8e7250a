// The two CRCs of checkpoint files: CRC-32 of zip archives, CRC-32C of TensorFlow's tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace deformer {

/// CRC-32 (ISO 3309, polynomial 0x04C11DB7), as zlib computes it.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes) noexcept;

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41; RFC 3720).
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;

/// What leveldb's format stores in place of a CRC-32C, so that a CRC of data that holds CRCs stays
/// sound: rotated right by 15 bits, plus 0xa282ead8.
[[nodiscard]] constexpr std::uint32_t masked_crc(std::uint32_t crc) noexcept {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace deformer
