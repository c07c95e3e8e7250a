// XLNet's tokenizer: cleaned text, cut into the pieces of a SentencePiece model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "deformer/tokenizer.h"
#include "text/tokenizer_config.h"
#include "text/xlnet_text.h"

namespace deformer {

/// Gives the ids of Hugging Face's XLNetTokenizer (transformers 4, the one in Python), which cuts
/// the comma off a piece that ends in a digit and a comma. A piece that holds nothing but the mark
/// of a word's beginning has the span of the character after it.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  /// `model` is the content of a spiece.model; `where` names it in errors. Throws kCorrupt for what
  /// is no model and for a special token that is not in it.
  SentencePieceTokenizer(std::string_view model, const TokenizerConfig& config,
                         const std::string& where);
  ~SentencePieceTokenizer() override;

  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override { return special_; }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override;
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override { return hash_; }

 private:
  class Pieces;

  std::unique_ptr<const Pieces> pieces_;
  XlnetCleaning cleaning_;
  SpecialTokens special_;
  std::uint64_t hash_ = 0;
};

/// What a tokenizer_config.json of XLNet leaves unsaid.
[[nodiscard]] TokenizerConfig xlnet_tokenizer_defaults();

/// Reads MODEL_DIR/spiece.model and MODEL_DIR/tokenizer_config.json. Throws kNotFound, kCorrupt,
/// kIo.
[[nodiscard]] std::unique_ptr<const Tokenizer> load_sentencepiece_tokenizer(
    const std::filesystem::path& model_dir);

}  // namespace deformer
