// RoBERTa's tokenizer: GPT-2's words, their bytes joined by the rules of a byte-level BPE model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"
#include "text/bpe_model.h"
#include "text/bpe_tables.h"
#include "text/bpe_text.h"
#include "text/other_tokenizer.h"
#include "text/tokenizer_config.h"

namespace deformer {

/// Gives the ids of Hugging Face's RobertaTokenizerFast. White space is not lost: the spaces of a
/// word's beginning are part of its first token, others are tokens of their own. Spaces at the ends
/// of a token are no part of its span unless it has nothing else; an added one (add_prefix_space)
/// that is a token by itself has the span of the character after it.
class BpeTokenizer final : public Tokenizer {
 public:
  enum class Normalizer : std::uint8_t { kNone, kNfc };

  /// `where` names the vocabulary in errors. Throws kCorrupt for a special token that is not in it.
  BpeTokenizer(BpeTables tables, const TokenizerConfig& config, const std::string& where,
               Normalizer normalizer = Normalizer::kNone);

  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;
  [[nodiscard]] std::vector<ByteSpan> words(std::string_view text) const override;
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override { return special_; }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override;
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override { return hash_; }

 private:
  [[nodiscard]] std::uint64_t make_hash(const std::vector<BpeMerge>& merges) const;

  std::vector<std::string> tokens_;
  SpecialTokens special_;
  BpeModel model_;
  BpeReading reading_;
  std::uint64_t hash_ = 0;
};

/// What a tokenizer_config.json leaves unsaid: RoBERTa's special tokens, or BERT's where the
/// vocabulary has no "<s>" (DeBERTa).
[[nodiscard]] TokenizerConfig bpe_tokenizer_defaults(const std::vector<std::string>& tokens);

/// Reads MODEL_DIR/vocab.json, merges.txt and tokenizer_config.json. Throws kNotFound, kCorrupt,
/// kIo, kUnsupported (a tokenizer_class of another kind); kIncompatible when a tokenizer.json
/// beside them has a BPE model with other tokens or rules.
[[nodiscard]] std::unique_ptr<const Tokenizer> load_bpe_tokenizer(
    const std::filesystem::path& model_dir, OtherTokenizer other);

}  // namespace deformer
