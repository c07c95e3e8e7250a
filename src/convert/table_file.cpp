#include "convert/table_file.h"

#include <cstdint>
#include <cstring>

#include "base/hash.h"
#include "convert/byte_reader.h"
#include "convert/crc.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// The footer: handles of the metaindex and of the index, padded to 40 bytes, and the magic number.
constexpr std::size_t kFooterBytes = 48;
constexpr std::uint64_t kMagic = 0xdb4775248b80fb57U;
// After a block: its compression and a masked CRC-32C of both.
constexpr std::size_t kTrailerBytes = 5;
// Keys share prefixes, so a small file could expand into any amount of memory.
constexpr std::size_t kMaxKeyBytes = std::size_t{64} << 20;

struct BlockHandle {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

BlockHandle read_handle(ByteReader& reader) {
  BlockHandle handle;
  handle.offset = reader.varint();
  handle.size = reader.varint();
  return handle;
}

// The block's contents, without compression byte and CRC.
std::span<const std::byte> read_block(std::span<const std::byte> file, const BlockHandle& handle,
                                      const std::string& where) {
  const std::uint64_t room = file.size() - kFooterBytes;
  if (handle.offset > room || handle.size > room - handle.offset ||
      kTrailerBytes > room - handle.offset - handle.size) {
    throw Error(ErrorCode::kCorrupt, where + ": expected a block within the " +
                                         std::to_string(room) + " bytes before the footer, found " +
                                         std::to_string(handle.size) + " bytes at " +
                                         std::to_string(handle.offset));
  }
  const auto size = static_cast<std::size_t>(handle.size);
  const auto block = file.subspan(static_cast<std::size_t>(handle.offset), size + kTrailerBytes);
  const std::string at = where + ": block at " + std::to_string(handle.offset);
  ByteReader trailer(block.subspan(size), at);
  const auto compression = trailer.fixed<std::uint8_t>();
  const auto stored = trailer.fixed<std::uint32_t>();
  const std::uint32_t computed = masked_crc(crc32c(block.first(size + 1)));
  if (kChecksumsCount && stored != computed) {
    throw Error(ErrorCode::kCorrupt, at + ": expected bytes with the masked CRC-32C " +
                                         std::to_string(stored) + ", found " +
                                         std::to_string(computed));
  }
  if (compression != 0) {
    throw Error(ErrorCode::kUnsupported,
                at + ": expected a block without compression, found " +
                    (compression == 1 ? std::string("snappy") : std::to_string(compression)));
  }
  return block.first(size);
}

// The entries before the restart points, which only serve a search.
std::span<const std::byte> entries_of(std::span<const std::byte> block, const std::string& where) {
  if (block.size() < sizeof(std::uint32_t)) {
    throw Error(ErrorCode::kCorrupt, where + ": expected a block of at least 4 bytes, found " +
                                         std::to_string(block.size()));
  }
  std::uint32_t restarts = 0;
  std::memcpy(&restarts, block.data() + block.size() - sizeof(restarts), sizeof(restarts));
  const std::uint64_t tail = (std::uint64_t{restarts} + 1) * sizeof(restarts);
  if (tail > block.size()) {
    throw Error(ErrorCode::kCorrupt, where + ": expected restart points within a block of " +
                                         std::to_string(block.size()) + " bytes, found " +
                                         std::to_string(restarts));
  }
  return block.first(block.size() - static_cast<std::size_t>(tail));
}

class TableReader {
 public:
  TableReader(std::span<const std::byte> file, const std::string& where)
      : file_(file), where_(where) {}

  void read_entries(const BlockHandle& handle, std::vector<TableEntry>& entries) {
    ByteReader reader(entries_of(read_block(file_, handle, where_), where_),
                      where_ + ": block at " + std::to_string(handle.offset));
    std::string key;
    while (reader.remaining() > 0) {
      const std::uint64_t shared = reader.varint();
      const std::uint64_t rest = reader.varint();
      const std::uint64_t value_bytes = reader.varint();
      if (shared > key.size()) {
        reader.fail("a key that shares at most " + std::to_string(key.size()) + " bytes",
                    std::to_string(shared));
      }
      key.resize(static_cast<std::size_t>(shared));
      key += reader.text(rest);
      count_key(key.size());
      if (!entries.empty() && key <= entries.back().key) {
        reader.fail("keys in ascending order", "one that is not");
      }
      entries.push_back({key, reader.take(value_bytes)});
    }
  }

 private:
  void count_key(std::size_t bytes) {
    key_bytes_ += bytes;
    if (key_bytes_ <= kMaxKeyBytes) return;
    throw Error(ErrorCode::kUnsupported, where_ + ": expected at most " +
                                             std::to_string(kMaxKeyBytes) +
                                             " bytes of keys, found more");
  }

  std::span<const std::byte> file_;
  const std::string& where_;
  std::size_t key_bytes_ = 0;
};

}  // namespace

bool is_table(std::span<const std::byte> file) noexcept {
  if (file.size() < kFooterBytes) return false;
  std::uint64_t magic = 0;
  std::memcpy(&magic, file.data() + file.size() - sizeof(magic), sizeof(magic));
  return magic == kMagic;
}

std::vector<TableEntry> read_table(std::span<const std::byte> file, const std::string& where) {
  if (!is_table(file)) {
    throw Error(ErrorCode::kCorrupt,
                where + ": expected the footer of an index in the last 48 of " +
                    std::to_string(file.size()) + " bytes, found none (is the file whole?)");
  }
  ByteReader footer(file.last(kFooterBytes), where + ": footer");
  (void)read_handle(footer);  // metaindex: filters, of which there are none
  TableReader table(file, where);
  std::vector<TableEntry> blocks;
  table.read_entries(read_handle(footer), blocks);
  std::vector<TableEntry> entries;
  for (const TableEntry& block : blocks) {
    ByteReader reader(block.value, where + ": index block");
    table.read_entries(read_handle(reader), entries);
  }
  return entries;
}

}  // namespace deformer
