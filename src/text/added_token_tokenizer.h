// Tokens that were added to a finished tokenizer: a text is cut at them before anything else is
// done to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer {

/// What stands between two of the tokens is a text of its own for the tokenizer underneath, as in
/// Hugging Face's `tokenizers`. Where several begin at one place the longest counts.
class AddedTokenTokenizer final : public Tokenizer {
 public:
  using Ids = std::map<std::string, std::int32_t, std::less<>>;

  /// `added` by content, none of them empty.
  AddedTokenTokenizer(std::unique_ptr<const Tokenizer> tokenizer, Ids added);

  [[nodiscard]] TokenizedText tokenize(std::string_view text) const override;
  [[nodiscard]] std::vector<ByteSpan> words(std::string_view text) const override {
    return tokenizer_->words(text);
  }
  [[nodiscard]] const SpecialTokens& special_tokens() const noexcept override {
    return tokenizer_->special_tokens();
  }
  [[nodiscard]] std::int64_t vocab_size() const noexcept override { return vocab_size_; }
  [[nodiscard]] std::string token(std::int32_t id) const override;
  [[nodiscard]] std::uint64_t hash() const noexcept override { return hash_; }

 private:
  [[nodiscard]] Ids::const_iterator find_at(std::string_view text, std::size_t at) const noexcept;
  void append_text(std::string_view text, std::size_t begin, std::size_t end,
                   TokenizedText& result) const;

  std::unique_ptr<const Tokenizer> tokenizer_;
  Ids added_;
  std::vector<std::size_t> sizes_;  // of contents, each once, longest first
  std::vector<bool> begins_;        // by byte: whether a token begins with it
  std::int64_t vocab_size_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace deformer
