// Tokenizers on SentencePiece: cleaned text, cut into the pieces of a model. XLNet's, ALBERT's,
// XLM-RoBERTa's, CamemBERT's and DeBERTa's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "deformer/tokenizer.h"
#include "text/other_tokenizer.h"
#include "text/sentencepiece_kind.h"
#include "text/tokenizer_config.h"
#include "text/xlnet_text.h"

namespace deformer {

/// Gives the ids of Hugging Face's tokenizers in Python (transformers 4) of the kind's class. That
/// of XLNet and ALBERT cuts the comma off a piece that ends in a digit and a comma. A piece that
/// holds nothing but the mark of a word's beginning has the span of the character after it.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  /// `model` is the content of the kind's file; `where` names it in errors. Throws kCorrupt for
  /// what is no model and for a special token that is not in it.
  SentencePieceTokenizer(std::string_view model, const SentencePieceKind& kind,
                         const TokenizerConfig& config, const std::string& where);
  ~SentencePieceTokenizer() override;

  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override { return special_; }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override;
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override { return hash_; }

 private:
  class Pieces;

  [[nodiscard]] std::uint64_t make_hash(std::string_view model,
                                        const SentencePieceKind& kind) const;

  std::unique_ptr<const Pieces> pieces_;
  XlnetCleaning cleaning_;
  SpecialTokens special_;
  std::uint64_t hash_ = 0;
};

/// Reads the directory's SentencePiece model, of the kind that find_sentencepiece_kind() gives, and
/// tokenizer_config.json. Throws kNotFound, kCorrupt, kIo, kUnsupported, kIncompatible (a
/// tokenizer.json beside it has other pieces).
[[nodiscard]] std::unique_ptr<const Tokenizer> load_sentencepiece_tokenizer(
    const std::filesystem::path& model_dir, OtherTokenizer other);

}  // namespace deformer
