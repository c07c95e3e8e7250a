// The stored form of one passage: record versions 1 and 2 of docs/store_format.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer {

/// The newest version. 2 is what a passage with projections is written as, all others are 1.
inline constexpr std::uint16_t kRecordVersion = 2;
inline constexpr std::size_t kRecordHeaderBytes = 64;

/// Writes a passage as a record. A view: the passage must outlive it.
class RecordWriter {
 public:
  /// Throws kInvalidArgument as validate_passage() does.
  explicit RecordWriter(const EncodedPassage& passage);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Fills `out`, which has exactly size() bytes at any alignment.
  void write(std::span<std::byte> out) const;

 private:
  const EncodedPassage* passage_;
  std::vector<std::byte> spans_;
  std::uint32_t special_tokens_ = 0;
  std::size_t size_ = 0;
};

[[nodiscard]] std::string encode_record(const RecordWriter& writer);
[[nodiscard]] std::string encode_record(const EncodedPassage& passage);

/// Reads and checks a whole record. States and projections are views of `bytes`, kept alive by
/// `owner`, when the vectors lie on a multiple of 4, else copies. `where` names the record in
/// errors. Throws kCorrupt, and kIncompatible for a record of a newer version.
[[nodiscard]] EncodedPassage decode_record(std::span<const std::byte> bytes,
                                           std::shared_ptr<const void> owner,
                                           std::string_view where);

/// decode_record() of the passage `id` of the store `store`, both named in errors; kCorrupt as well
/// when the record is another passage's.
[[nodiscard]] std::shared_ptr<const EncodedPassage> read_record(std::span<const std::byte> bytes,
                                                                std::shared_ptr<const void> owner,
                                                                std::string_view id,
                                                                std::string_view store);

/// From the header alone: `bytes` may be cut after it, and the checksum is not looked at. Throws as
/// decode_record().
[[nodiscard]] PassageHashes record_hashes(std::span<const std::byte> bytes, std::string_view where);

}  // namespace deformer
