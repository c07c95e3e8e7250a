// Passages to be encoded: from a SQuAD file, JSON Lines, or a directory of texts.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "deformer/known_datasets.h"
#include "deformer/passage_store.h"

namespace deformer::tools {

/// Shard `index` of `count`, from 1.
struct Shard {
  std::size_t index = 1;
  std::size_t count = 1;

  /// True for every count-th passage of the input.
  [[nodiscard]] bool has(std::size_t number) const { return number % count == index - 1; }
};

/// Parses "2/8". Throws Error (kInvalidArgument).
[[nodiscard]] Shard parse_shard(const std::string& text);

struct PassageReader {
  /// At most `most` further passages; empty at the end. Throws Error naming the place of a bad one.
  std::function<std::vector<Passage>(std::size_t most)> next;
  /// How many there are in all; 0 when that is not known.
  std::size_t total = 0;
};

/// Each context once, under its content id.
[[nodiscard]] PassageReader read_squad_passages(const std::string& path, Shard shard);
/// Each passage of a data set once, under its content id; blank ones are left out.
[[nodiscard]] PassageReader read_data_passages(const KnownDataset& form, const std::string& path,
                                               Shard shard);
/// {"id", "text"} a line; without an id the text's content id. "-" is standard input. Of the
/// shard's lines each id has one text, which is given once: another one is an Error.
[[nodiscard]] PassageReader read_jsonl_passages(const std::string& path, Shard shard);
/// Every regular file below `directory`, by relative path, in the order of the names. Throws at
/// once for a name that is no passage's id.
[[nodiscard]] PassageReader read_text_files(const std::string& directory, Shard shard);

}  // namespace deformer::tools
