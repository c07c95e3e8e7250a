// tests/golden/bpe_tokenizer, made by scripts/golden/make_golden_bpe_tokenizer.py.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "text/bpe_tokenizer.h"
#include "text/golden.h"

namespace deformer::test {

inline std::filesystem::path bpe_golden_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "bpe_tokenizer" / name;
}

inline nlohmann::json load_bpe_golden(const std::string& name) {
  return nlohmann::json::parse(read_file(bpe_golden_path(name)));
}

/// The small model of the golden texts; modes "default", "prefix" (add_prefix_space) and "nfc".
inline BpeTokenizer make_bpe_tokenizer(const std::string& mode) {
  BpeTables tables = load_bpe_tables(bpe_golden_path(""));
  TokenizerConfig config = bpe_tokenizer_defaults(tables.tokens);
  config.add_prefix_space = mode == "prefix";
  const auto normalizer =
      mode == "nfc" ? BpeTokenizer::Normalizer::kNfc : BpeTokenizer::Normalizer::kNone;
  return {std::move(tables), config, "vocab.json", normalizer};
}

}  // namespace deformer::test
