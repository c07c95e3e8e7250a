// What tokenizer_config.json says, as far as this library reads it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace deformer {

/// The defaults are those of Hugging Face's BertTokenizer, and of its XLNetTokenizer for the keys
/// that SentencePiece models have.
struct TokenizerConfig {
  bool do_lower_case = true;
  std::optional<bool> strip_accents = std::nullopt;  ///< absent: as do_lower_case
  bool tokenize_chinese_chars = true;
  bool remove_space = true;                             ///< SentencePiece only: squeeze white space
  bool keep_accents = false;                            ///< SentencePiece only
  bool split_by_punct = false;                          ///< DeBERTa only
  std::optional<bool> add_prefix_space = std::nullopt;  ///< byte-level BPE only; absent: false
  std::string tokenizer_class = {};  ///< without "Fast" at its end; empty: not said
  std::string cls_token = "[CLS]";
  std::string sep_token = "[SEP]";
  std::string pad_token = "[PAD]";
  std::string unk_token = "[UNK]";
};

/// The name of a tokenizer's class without "Fast" at its end.
[[nodiscard]] std::string without_fast(std::string name);

/// False for a class that says nothing about the kind of tokenizer, and for none.
[[nodiscard]] bool names_a_kind(std::string_view tokenizer_class);

/// Reads MODEL_DIR/tokenizer_config.json; keys that are absent or null, or a missing file, leave
/// `defaults`. Special tokens are strings or objects with "content". Throws kCorrupt (broken JSON,
/// wrong type: place, expected, found).
[[nodiscard]] TokenizerConfig load_tokenizer_config(const std::filesystem::path& model_dir,
                                                    const TokenizerConfig& defaults = {});

}  // namespace deformer
