// Tables and checkpoint indexes with contents that TensorFlow would not write.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "convert/crc.h"
#include "convert/files.h"

namespace deformer::test {

/// Writes tables as leveldb's doc/table_format.md describes them.
class TableWriter {
 public:
  struct Entry {
    std::string key;
    std::string value;
  };

  void add_block(const std::vector<Entry>& entries, char compression = 0) {
    index_.push_back({entries.back().key, append(block(entries), compression)});
  }
  std::string finish() {
    const std::string metaindex = append(block({}), 0);
    std::string footer = metaindex + append(block(index_), 0);
    footer.resize(40, '\0');
    return file_ + footer + std::string("\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
  }

  static std::string varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    return bytes + static_cast<char>(value);
  }

 private:
  static std::string fixed32(std::uint32_t value) {
    std::string bytes(4, '\0');
    std::memcpy(bytes.data(), &value, 4);
    return bytes;
  }

  static std::string block(const std::vector<Entry>& entries) {
    std::string bytes;
    std::string last;
    for (const Entry& entry : entries) {
      std::size_t shared = 0;
      while (shared < last.size() && shared < entry.key.size() &&
             last[shared] == entry.key[shared]) {
        ++shared;
      }
      bytes += varint(shared) + varint(entry.key.size() - shared) + varint(entry.value.size()) +
               entry.key.substr(shared) + entry.value;
      last = entry.key;
    }
    return bytes + fixed32(0) + fixed32(1);
  }

  // Returns the block's handle.
  std::string append(std::string bytes, char compression) {
    std::string handle = varint(file_.size()) + varint(bytes.size());
    bytes += compression;
    file_ += bytes + fixed32(masked_crc(crc32c(as_bytes(bytes))));
    return handle;
  }

  std::string file_;
  std::vector<Entry> index_;
};

/// A field of a Protocol Buffers message.
inline std::string number(int field, std::uint64_t value) {
  return TableWriter::varint(static_cast<std::uint64_t>(field) << 3) + TableWriter::varint(value);
}
inline std::string message(int field, const std::string& bytes) {
  return TableWriter::varint((static_cast<std::uint64_t>(field) << 3) | 2) +
         TableWriter::varint(bytes.size()) + bytes;
}

}  // namespace deformer::test
