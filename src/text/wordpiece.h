// BERT's tokenizer: cleaned words, each cut greedily into the longest pieces of the vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "deformer/tokenizer.h"
#include "text/bert_words.h"
#include "text/other_tokenizer.h"
#include "text/tokenizer_config.h"
#include "text/vocabulary.h"

namespace deformer {

[[nodiscard]] BertCleaning bert_cleaning(const TokenizerConfig& config);

/// Gives the ids and offsets of Hugging Face's BertTokenizer. A word of more than 100 code points
/// (after cleaning), or with a part that no piece covers, is one unknown token.
class WordPieceTokenizer final : public Tokenizer {
 public:
  static constexpr std::size_t kMaxWordCodePoints = 100;

  /// `vocabulary` is the text of a vocab.txt; `where` names it in errors. Throws kCorrupt for a
  /// broken vocabulary and for a special token that is not in it.
  WordPieceTokenizer(std::string_view vocabulary, const TokenizerConfig& config,
                     const std::string& where);
  WordPieceTokenizer(WordPieceVocabulary vocabulary, const TokenizerConfig& config,
                     const std::string& where);

  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override { return special_; }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override;
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override { return hash_; }

 private:
  [[nodiscard]] std::uint64_t make_hash() const;
  void append_word(const BertWords& words, TokenizedText& result) const;

  WordPieceVocabulary vocabulary_;
  BertCleaning cleaning_;
  SpecialTokens special_;
  std::uint64_t hash_ = 0;
};

/// Reads MODEL_DIR/vocab.txt and MODEL_DIR/tokenizer_config.json. Throws kNotFound, kCorrupt, kIo;
/// kIncompatible when a tokenizer.json beside it has another WordPiece vocabulary.
[[nodiscard]] std::unique_ptr<const Tokenizer> load_wordpiece_tokenizer(
    const std::filesystem::path& model_dir, OtherTokenizer other);

}  // namespace deformer
