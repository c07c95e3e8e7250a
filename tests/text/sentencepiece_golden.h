// tests/golden/sentencepiece_kinds, made by scripts/golden/make_golden_sentencepiece_kinds.py, and
// how tokens are compared with the golden files of SentencePiece.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "text/golden.h"
#include "text/sentencepiece_kind.h"
#include "text/sentencepiece_tokenizer.h"

namespace deformer::test {

inline std::filesystem::path kinds_golden_path(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "sentencepiece_kinds" /
         name;
}

inline nlohmann::json load_kinds_golden(const std::string& name) {
  return nlohmann::json::parse(read_file(kinds_golden_path(name)));
}

/// The small model of the golden texts. Modes: albert, albert_cased, xlm_roberta, camembert,
/// deberta, deberta_lower.
inline std::unique_ptr<const Tokenizer> make_kind_tokenizer(const std::string& mode) {
  const auto make = [](const SentencePieceKind& kind, const std::string& directory,
                       const TokenizerConfig& config) {
    const std::filesystem::path path = kinds_golden_path(directory) / kind.file;
    return std::make_unique<const SentencePieceTokenizer>(read_file(path), kind, config, "m");
  };
  if (mode.starts_with("albert")) {
    TokenizerConfig config = sentencepiece_defaults(kAlbertPieces);
    config.do_lower_case = mode == "albert";
    config.keep_accents = mode != "albert";
    return make(kAlbertPieces, "albert", config);
  }
  if (mode.starts_with("deberta")) {
    TokenizerConfig config = sentencepiece_defaults(kDebertaPieces);
    config.do_lower_case = mode == "deberta_lower";
    return make(kDebertaPieces, "deberta", config);
  }
  const SentencePieceKind& kind = mode == "camembert" ? kCamembertPieces : kXlmRobertaPieces;
  return make(kind, "xlm-roberta", sentencepiece_defaults(kind));
}

/// [[id, begin, end], ...], or ids alone as the golden file has them.
inline nlohmann::json tokens_like(const TokenizedText& tokens, const nlohmann::json& like) {
  if (!like.empty() && !like[0].is_array()) return tokens.ids;
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
    rows.push_back({tokens.ids[i], tokens.spans[i].begin, tokens.spans[i].end});
  }
  return rows;
}

/// [number of tokens, CRC of ids]
inline std::vector<std::uint32_t> id_digest(const Tokenizer& tokenizer,
                                            const std::vector<std::string>& texts) {
  Crc32 ids;
  std::uint32_t count = 0;
  for (const std::string& text : texts) {
    const TokenizedText tokens = tokenizer.tokenize(text);
    for (const std::int32_t id : tokens.ids) ids.add_integer(static_cast<std::uint32_t>(id));
    ids.add_integer(~0u);
    count += static_cast<std::uint32_t>(tokens.ids.size());
  }
  return {count, ids.value()};
}

}  // namespace deformer::test
