// tests/golden/tokenizer, made by scripts/golden/make_golden_tokenizer.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "text/bert_words.h"
#include "text/crc32.h"
#include "text/tokenizer_config.h"
#include "text/utf8.h"
#include "text/wordpiece.h"

namespace deformer::test {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "tokenizer" / name;
}

inline nlohmann::json load_golden(const std::string& name) {
  return nlohmann::json::parse(read_file(golden_path(name)));
}

/// One object a line.
inline std::vector<nlohmann::json> load_golden_lines(const std::string& name) {
  std::vector<nlohmann::json> rows;
  std::ifstream file(golden_path(name));
  for (std::string line; std::getline(file, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

/// The options that the golden files call `mode`.
inline TokenizerConfig config_of_mode(const std::string& mode) {
  TokenizerConfig config;
  config.do_lower_case = !mode.starts_with("cased");
  if (mode == "lower_keep_accents") config.strip_accents = false;
  if (mode == "cased_strip_accents") config.strip_accents = true;
  config.tokenize_chinese_chars = mode != "uncased_keep_ideographs";
  return config;
}

inline BertCleaning cleaning_of_mode(const std::string& mode) {
  const TokenizerConfig config = config_of_mode(mode);
  return {.lower_case = config.do_lower_case,
          .strip_accents = config.strip_accents.value_or(config.do_lower_case),
          .split_ideographs = config.tokenize_chinese_chars};
}

/// The small vocabulary of the golden texts.
inline WordPieceTokenizer make_golden_tokenizer(const std::string& mode) {
  return {read_file(golden_path("vocab.txt")), config_of_mode(mode), "vocab.txt"};
}

inline std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// The text of a row of texts.jsonl: "text", or "bytes" where it is no UTF-8.
inline std::string text_of(const nlohmann::json& row) {
  return row.contains("text") ? row["text"].get<std::string>() : bytes_of_hex(row["bytes"]);
}

inline void add_words(Crc32& digest, std::string_view text, const BertCleaning& cleaning) {
  BertWords words(text, cleaning);
  while (words.next()) {
    const ByteSpan span = words.span(0, words.word().size());
    digest.add_bytes(words.word());
    digest.add_integer(span.begin);
    digest.add_integer(span.end);
  }
  digest.add_integer(~0u);
}

}  // namespace deformer::test
