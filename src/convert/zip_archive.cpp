#include "convert/zip_archive.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/hash.h"
#include "base/quote.h"
#include "convert/byte_reader.h"
#include "convert/crc.h"
#include "deformer/error.h"
#include "format/safetensors.h"

namespace deformer {
namespace {

using Bytes = std::span<const std::byte>;

// PKWARE's APPNOTE.TXT 6.3; each record begins with its signature.
constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEnd = 0x06054b50;
constexpr std::uint32_t kZip64End = 0x06064b50;
constexpr std::uint32_t kZip64Locator = 0x07064b50;
constexpr std::size_t kLocalHeaderBytes = 30;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kZip64LocatorBytes = 20;
constexpr std::size_t kMaxCommentBytes = 0xffff;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint32_t kIn64 = 0xffffffffU;  // the value stands in a zip64 field
constexpr std::uint16_t kCountIn64 = 0xffffU;
constexpr std::uint16_t kEncrypted = 1;

std::uint32_t signature_at(Bytes file, std::size_t offset) {
  std::uint32_t signature = 0;
  std::memcpy(&signature, file.data() + offset, sizeof(signature));
  return signature;
}

std::size_t find_end(Bytes file, const std::string& where) {
  if (file.size() >= kEndBytes) {
    const std::size_t last = file.size() - kEndBytes;
    const std::size_t first = last - std::min(last, kMaxCommentBytes);
    for (std::size_t at = last + 1; at-- > first;) {
      if (signature_at(file, at) == kEnd) return at;
    }
  }
  throw Error(ErrorCode::kCorrupt, where + ": expected the end of a zip archive's directory, " +
                                       "found none (is the file whole?)");
}

struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

Directory read_zip64_end(Bytes file, std::size_t end, const std::string& where) {
  if (end < kZip64LocatorBytes || signature_at(file, end - kZip64LocatorBytes) != kZip64Locator) {
    throw Error(ErrorCode::kCorrupt,
                where + ": expected the locator of a zip64 directory, found none");
  }
  ByteReader locator(file.subspan(end - kZip64LocatorBytes), where + ": zip64 locator");
  (void)locator.take(8);  // signature, number of this disk
  const auto offset = locator.fixed<std::uint64_t>();
  if (offset > end) locator.fail("an offset before the locator", std::to_string(offset));
  ByteReader reader(file.subspan(static_cast<std::size_t>(offset)), where + ": zip64 directory");
  if (reader.fixed<std::uint32_t>() != kZip64End) reader.fail("its signature", "another");
  (void)reader.take(28);  // its size, versions, disks, entries on this disk
  Directory directory;
  directory.entries = reader.fixed<std::uint64_t>();
  directory.size = reader.fixed<std::uint64_t>();
  directory.offset = reader.fixed<std::uint64_t>();
  return directory;
}

Directory read_end(Bytes file, std::size_t end, const std::string& where) {
  ByteReader reader(file.subspan(end), where + ": end of the directory");
  (void)reader.take(10);  // signature, disks, entries on this disk
  Directory directory;
  directory.entries = reader.fixed<std::uint16_t>();
  directory.size = reader.fixed<std::uint32_t>();
  directory.offset = reader.fixed<std::uint32_t>();
  const bool in_64 =
      directory.entries == kCountIn64 || directory.size == kIn64 || directory.offset == kIn64;
  return in_64 ? read_zip64_end(file, end, where) : directory;
}

struct CentralEntry {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc32 = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
};

// Sizes and offset that do not fit 32 bits, in this order, each only where its field says so.
void read_zip64_extra(Bytes extra, CentralEntry& entry, const std::string& where) {
  ByteReader reader(extra, where);
  while (reader.remaining() >= 4) {
    const auto id = reader.fixed<std::uint16_t>();
    ByteReader field(reader.take(reader.fixed<std::uint16_t>()), where);
    if (id != kZip64Extra) continue;
    for (std::uint64_t* value : {&entry.bytes, &entry.stored_bytes, &entry.offset}) {
      if (*value == kIn64) *value = field.fixed<std::uint64_t>();
    }
  }
}

CentralEntry read_central(ByteReader& reader) {
  if (reader.fixed<std::uint32_t>() != kCentralHeader) {
    reader.fail("the signature of a directory entry", "another");
  }
  CentralEntry entry;
  (void)reader.take(4);  // versions
  entry.flags = reader.fixed<std::uint16_t>();
  entry.method = reader.fixed<std::uint16_t>();
  (void)reader.take(4);  // time and date
  entry.crc32 = reader.fixed<std::uint32_t>();
  entry.stored_bytes = reader.fixed<std::uint32_t>();
  entry.bytes = reader.fixed<std::uint32_t>();
  const auto name_bytes = reader.fixed<std::uint16_t>();
  const auto extra_bytes = reader.fixed<std::uint16_t>();
  const auto comment_bytes = reader.fixed<std::uint16_t>();
  (void)reader.take(8);  // disk, attributes
  entry.offset = reader.fixed<std::uint32_t>();
  entry.name = reader.text(name_bytes);
  read_zip64_extra(reader.take(extra_bytes), entry, reader.where());
  (void)reader.take(comment_bytes);
  return entry;
}

void require_stored(const CentralEntry& entry, const std::string& where) {
  if ((entry.flags & kEncrypted) != 0) {
    throw Error(ErrorCode::kUnsupported, where + ": expected plain bytes, found encrypted ones");
  }
  if (entry.method != 0) {
    throw Error(ErrorCode::kUnsupported,
                where +
                    ": expected a record without compression (as torch.save writes it), found " +
                    "compression method " + std::to_string(entry.method));
  }
  if (entry.stored_bytes != entry.bytes) {
    throw Error(ErrorCode::kCorrupt, where + ": expected equal sizes without compression, found " +
                                         std::to_string(entry.stored_bytes) + " and " +
                                         std::to_string(entry.bytes));
  }
}

// The record behind its local header. `file` ends where the directory begins.
Bytes record_bytes(Bytes file, const CentralEntry& entry, const std::string& where) {
  if (entry.offset > file.size() || file.size() - entry.offset < kLocalHeaderBytes) {
    throw Error(ErrorCode::kCorrupt,
                where + ": expected a local header within the " + std::to_string(file.size()) +
                    " bytes before the directory, found " + std::to_string(entry.offset));
  }
  ByteReader reader(file.subspan(static_cast<std::size_t>(entry.offset)), where);
  if (reader.fixed<std::uint32_t>() != kLocalHeader) {
    reader.fail("the signature of a local header", "another");
  }
  (void)reader.take(22);  // what the directory says too
  const auto name_bytes = reader.fixed<std::uint16_t>();
  const auto extra_bytes = reader.fixed<std::uint16_t>();
  if (reader.text(name_bytes) != entry.name) {
    reader.fail("the name of the directory", "another in the local header");
  }
  (void)reader.take(extra_bytes);
  return reader.take(entry.bytes);
}

}  // namespace

bool is_zip(Bytes file) noexcept {
  return file.size() >= kEndBytes && signature_at(file, 0) == kLocalHeader;
}

ZipArchive ZipArchive::open(const std::filesystem::path& path) {
  const std::string where = path.string();
  ZipArchive archive;
  archive.mapping_ = MappedFile::open(path);
  const Bytes file = archive.mapping_->bytes();
  const std::size_t end = find_end(file, where);
  const Directory directory = read_end(file, end, where);
  if (directory.offset > end || directory.size > end - directory.offset) {
    throw Error(ErrorCode::kCorrupt, where + ": expected a directory within the first " +
                                         std::to_string(end) + " bytes, found " +
                                         std::to_string(directory.size) + " bytes at " +
                                         std::to_string(directory.offset));
  }
  const auto begin = static_cast<std::size_t>(directory.offset);
  ByteReader reader(file.subspan(begin, static_cast<std::size_t>(directory.size)),
                    where + ": directory");
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const CentralEntry entry = read_central(reader);
    const std::string at = where + ": record " + in_quotes(entry.name);
    require_stored(entry, at);
    const Record record{record_bytes(file.first(begin), entry, at), entry.crc32};
    if (!archive.records_.emplace(entry.name, record).second) {
      throw Error(ErrorCode::kCorrupt, at + ": expected names that occur once, found it twice");
    }
  }
  return archive;
}

void check_record(std::string_view name, const ZipArchive::Record& record,
                  const std::string& where) {
  const std::uint32_t computed = crc32(record.bytes);
  if (!kChecksumsCount || computed == record.crc32) return;
  throw Error(ErrorCode::kCorrupt,
              where + ": record " + in_quotes(name) + ": expected bytes with CRC-32 " +
                  std::to_string(record.crc32) + ", found " + std::to_string(computed));
}

}  // namespace deformer
