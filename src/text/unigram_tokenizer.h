// The tokenizer of a tokenizer.json with a Unigram model: a normalizer, words, pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"
#include "text/text_normalizer.h"
#include "text/unigram_model.h"

namespace deformer {

/// How a normalized text falls into words. Every word begins with SentencePiece's mark, U+2581, in
/// place of the space before it.
struct UnigramWords {
  bool splits_white_space = false;  ///< all of it, and it goes; else words end at spaces alone
  bool splits_punctuation = false;  ///< each punctuation mark is a word
};

struct UnigramOptions {
  std::vector<NormalizerStep> normalizer;
  UnigramWords words;
  SpecialTokens special;
  std::uint64_t hash = 0;
};

/// Gives the ids of Hugging Face's `tokenizers`. A token has the span of its characters without the
/// mark of a word's beginning and white space at either end; one of nothing else has the span of
/// the character after it.
class UnigramTokenizer final : public Tokenizer {
 public:
  /// `names`: the vocabulary by id, the model's pieces and what comes after them.
  UnigramTokenizer(UnigramModel model, std::vector<std::string> names, UnigramOptions options);

  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override {
    return options_.special;
  }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override {
    return static_cast<std::int64_t>(names_.size());
  }
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override { return options_.hash; }

 private:
  void append_word(const SourcedChars& chars, std::span<const std::size_t> next_something,
                   std::size_t begin, std::size_t end, TokenizedText& result) const;

  UnigramModel model_;
  std::vector<std::string> names_;
  UnigramOptions options_;
};

}  // namespace deformer
