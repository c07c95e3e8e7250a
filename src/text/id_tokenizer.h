// The tokenizer of a model that has no vocabulary: a text is a list of token ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "deformer/tokenizer.h"

namespace deformer {

/// Reads decimal ids separated by spaces, tabs or line ends: "17 4 2301". Unlike other tokenizers
/// it refuses what it cannot read: words would get ids without a meaning, and lengths that no
/// tokenizer gives. Immutable, safe for concurrent calls.
class IdTokenizer final : public Tokenizer {
 public:
  /// Throws kInvalidArgument for fewer ids than there are special tokens (4).
  explicit IdTokenizer(std::int64_t vocab_size);

  /// Throws kUnsupported for a word that is not an id below vocab_size().
  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;

  /// [PAD], [UNK], [CLS] and [SEP] are ids 0 to 3.
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override { return special_; }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override { return vocab_size_; }
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override;

 private:
  std::int64_t vocab_size_;
  SpecialTokens special_{.cls = 2, .sep = 3, .pad = 0, .unk = 1};
};

}  // namespace deformer
