// Zip archives without compression, as torch.save writes them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/mapped_file.h"

namespace deformer {

/// True for a file that begins as a zip archive does.
[[nodiscard]] bool is_zip(std::span<const std::byte> file) noexcept;

/// A mapped archive whose central directory has been checked against the file: ranges, names,
/// local headers; with zip64. Immutable, safe for concurrent calls.
class ZipArchive {
 public:
  struct Record {
    std::span<const std::byte> bytes;
    std::uint32_t crc32 = 0;  ///< as stated; check_record() compares
  };
  using Records = std::map<std::string, Record, std::less<>>;

  /// Throws kNotFound, kIo, kCorrupt; kUnsupported for a compressed or encrypted record, which is
  /// named.
  [[nodiscard]] static ZipArchive open(const std::filesystem::path& path);

  [[nodiscard]] const Records& records() const noexcept { return records_; }
  [[nodiscard]] const std::shared_ptr<const MappedFile>& mapping() const noexcept {
    return mapping_;
  }

 private:
  ZipArchive() = default;

  std::shared_ptr<const MappedFile> mapping_;
  Records records_;
};

/// Throws kCorrupt when a record's bytes do not have the stated CRC-32. Reads them all.
void check_record(std::string_view name, const ZipArchive::Record& record,
                  const std::string& where);

}  // namespace deformer
