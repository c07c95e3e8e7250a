// tests/golden/tokenizer, made by scripts/golden/make_golden_tokenizer.py, and
// tests/golden/xlnet_tokenizer, made by make_golden_xlnet_tokenizer.py.
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
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_config.h"
#include "text/utf8.h"
#include "text/wordpiece.h"
#include "text/xlnet_text.h"

namespace deformer::test {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "tokenizer" / name;
}

inline nlohmann::json load_golden(const std::string& name) {
  return nlohmann::json::parse(read_file(golden_path(name)));
}

/// One object a line.
inline std::vector<nlohmann::json> load_json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

inline std::vector<nlohmann::json> load_golden_lines(const std::string& name) {
  return load_json_lines(golden_path(name));
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
  return bert_cleaning(config_of_mode(mode));
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

// The generator of make_golden_tokenizer.py.
class RandomTexts {
 public:
  explicit RandomTexts(const nlohmann::json& golden)
      : state_(golden["seed"].get<std::uint64_t>()), pools_(golden["pools"].get<Pools>()) {}

  std::string next() {
    Pools::value_type chosen[3];
    for (auto& pool : chosen) pool = pools_[draw(pools_.size())];
    std::string text;
    for (std::uint64_t left = draw(32); left > 0; --left) {
      const auto& [first, last] = chosen[draw(3)];
      append_utf8(text, static_cast<char32_t>(first + draw(last - first + 1)));
    }
    return text;
  }

 private:
  using Pools = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

  std::uint64_t draw(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % bound;
  }

  std::uint64_t state_;
  Pools pools_;
};

inline std::filesystem::path xlnet_golden_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "xlnet_tokenizer" / name;
}

inline nlohmann::json load_xlnet_golden(const std::string& name) {
  return nlohmann::json::parse(read_file(xlnet_golden_path(name)));
}

inline std::vector<nlohmann::json> load_xlnet_golden_lines(const std::string& name) {
  return load_json_lines(xlnet_golden_path(name));
}

/// The options that the golden files of XLNet call `mode`.
inline TokenizerConfig xlnet_config_of_mode(const std::string& mode) {
  TokenizerConfig config = sentencepiece_defaults(kXlnetPieces);
  config.remove_space = mode != "keep_spaces";
  config.keep_accents = mode.ends_with("keep_accents");
  config.do_lower_case = mode.starts_with("lower");
  return config;
}

inline XlnetCleaning xlnet_cleaning_of_mode(const std::string& mode) {
  const TokenizerConfig config = xlnet_config_of_mode(mode);
  return {.remove_space = config.remove_space,
          .keep_accents = config.keep_accents,
          .lower_case = config.do_lower_case};
}

/// The small model of the golden texts.
inline SentencePieceTokenizer make_xlnet_tokenizer(const std::string& mode) {
  return {read_file(xlnet_golden_path("spiece.model")), kXlnetPieces, xlnet_config_of_mode(mode),
          "spiece.model"};
}

}  // namespace deformer::test
