// The tokens and rules of a byte-level BPE model, read from vocab.json and merges.txt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe_model.h"

namespace deformer {

struct BpeTables {
  std::vector<std::string> tokens;  ///< by id, spelled in the byte alphabet
  std::vector<BpeMerge> merges;     ///< the first rule is applied first
};

/// Turns rules from spellings into ids. A view: the tokens must outlive it.
class BpeMergeReader {
 public:
  explicit BpeMergeReader(const std::vector<std::string>& tokens);

  /// Throws kCorrupt naming `where` when a part, or what both become, is no token.
  [[nodiscard]] BpeMerge read(std::string_view left, std::string_view right,
                              const std::string& where) const;

 private:
  [[nodiscard]] std::int32_t find(std::string_view token, const char* expected,
                                  const std::string& where) const;

  std::unordered_map<std::string_view, std::int32_t> ids_;
};

/// Rules, one a line, two tokens with a space between; a first line "#version" is skipped. `where`
/// names the file. Throws kCorrupt with the line.
[[nodiscard]] std::vector<BpeMerge> read_merges(std::string_view lines,
                                                const std::vector<std::string>& tokens,
                                                const std::string& where);

/// Reads MODEL_DIR/vocab.json and MODEL_DIR/merges.txt. Throws kNotFound, kIo, kCorrupt.
[[nodiscard]] BpeTables load_bpe_tables(const std::filesystem::path& model_dir);

}  // namespace deformer
