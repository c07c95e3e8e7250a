// tests/golden/{xlmr,albert,deberta}_tokenizer, made by
// scripts/golden/make_golden_encoder_tokenizers.py.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "deformer/tokenizer.h"
#include "support/temp_dir.h"
#include "text/golden.h"

namespace deformer::test {

inline std::filesystem::path encoder_golden_path(const std::string& kind) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / (kind + "_tokenizer");
}

/// The directory that has the tokenizer of mode `small`.
inline std::filesystem::path small_tokenizer_path(const std::string& kind) {
  const std::string name = kind == "deberta" ? "deberta-v3" : kind;
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "models" /
         (name + "-joint");
}

/// An entry of added_tokens that a text is cut at.
inline nlohmann::json added_token(int id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

/// tokenizer.json of the golden texts, with the options that they call `mode`: as transformers
/// makes it of these (its converters of ALBERT and DeBERTa); `added` as its 4.57 does, `five` as
/// its 5.2.
inline nlohmann::json unigram_document(const std::string& kind, const std::string& mode) {
  const auto home = mode == "small" ? small_tokenizer_path(kind) : encoder_golden_path(kind);
  nlohmann::json document = load_json(home / "tokenizer.json");
  nlohmann::json& steps = document["normalizer"]["normalizers"];
  const auto drop = [&](const std::string& type) {
    steps.erase(std::remove_if(steps.begin(), steps.end(),
                               [&](const nlohmann::json& step) { return step["type"] == type; }),
                steps.end());
  };
  if (mode == "keep_accents") {
    drop("NFKD");
    drop("StripAccents");
  } else if (mode == "cased") {
    drop("Lowercase");
  } else if (mode == "lower") {
    steps.insert(steps.begin(), nlohmann::json::object({{"type", "Lowercase"}}));
  } else if (mode == "punctuation") {
    nlohmann::json& parts = document["pre_tokenizer"]["pretokenizers"];
    parts.insert(parts.begin(),
                 nlohmann::json::object({{"type", "Punctuation"}, {"behavior", "Isolated"}}));
  }
  if (mode == "added") {
    int id = 5;
    for (const char* content : {"(", ")", "\"", "-", ".", "\u2013", "\u00a3", "\u20ac"}) {
      document["added_tokens"].push_back(added_token(id++, content));
    }
  } else if (mode == "five") {
    steps = nlohmann::json::parse(R"([
      {"type": "Replace", "pattern": {"Regex": "\\s{2,}|[\\n\\r\\t]"}, "content": " "}, {"type": "NFC"},
      {"type": "Strip", "strip_left": false, "strip_right": true}])");
  }
  return document;
}

inline std::unique_ptr<const Tokenizer> load_document(const nlohmann::json& document) {
  const TempDir dir;
  write_file(dir / "tokenizer.json", document.dump());
  return load_tokenizer(dir.path());
}

}  // namespace deformer::test
