// Tokens that were added to a finished tokenizer: a text is cut at them before it is tokenized.
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
#include "text/sourced_chars.h"

namespace deformer {

/// What stands between two of the tokens is a text of its own for the tokenizer underneath, as in
/// Hugging Face's `tokenizers`. Where several begin at one place the longest counts.
class AddedTokenTokenizer final : public Tokenizer {
 public:
  struct Token {
    std::string content;
    std::int32_t id = 0;
  };
  using Normalize = std::function<SourcedText(std::string_view)>;

  /// With `normalize` normalized texts are searched for normalized tokens; none searches texts as
  /// they are written. Of equal tokens the first counts; none is empty, nor normalized to nothing.
  AddedTokenTokenizer(std::unique_ptr<const Tokenizer> tokenizer, const std::vector<Token>& added,
                      Normalize normalize = nullptr);

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
  using Ids = std::map<std::string, std::int32_t, std::less<>>;
  struct Found {
    std::int32_t id = 0;
    ByteSpan span;
  };

  void add(const Token& token);
  [[nodiscard]] std::uint64_t make_hash() const;
  [[nodiscard]] Ids::const_iterator find_at(std::string_view text, std::size_t at) const noexcept;
  [[nodiscard]] std::vector<Found> find_all(std::string_view text) const;
  [[nodiscard]] std::vector<Found> find_all_normalized(std::string_view text) const;
  void append_text(std::string_view text, std::size_t begin, std::size_t end,
                   TokenizedText& result) const;

  std::unique_ptr<const Tokenizer> tokenizer_;
  Normalize normalize_;
  Ids added_;                                     // by what is searched for
  std::map<std::int32_t, std::string> contents_;  // as they were given
  std::vector<std::size_t> sizes_;                // of added_, each once, longest first
  std::vector<bool> begins_;                      // by byte: whether a token begins with it
  std::int64_t vocab_size_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace deformer
