// Sorted string tables in leveldb's format, which the index of a TensorFlow checkpoint is.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

/// `value` is a part of the file.
struct TableEntry {
  std::string key;
  std::span<const std::byte> value;
};

/// True for a file that ends as a table does.
[[nodiscard]] bool is_table(std::span<const std::byte> file) noexcept;

/// All entries of a table, keys strictly ascending. Every block's CRC-32C is checked. `where` names
/// the file in messages. Throws kCorrupt; kUnsupported for a compressed block (TensorFlow writes
/// none) and for more than 64 MiB of keys.
[[nodiscard]] std::vector<TableEntry> read_table(std::span<const std::byte> file,
                                                 const std::string& where);

}  // namespace deformer
