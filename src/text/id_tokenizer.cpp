#include "text/id_tokenizer.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/hash.h"
#include "deformer/error.h"
#include "text/text_size.h"

namespace deformer {
namespace {

constexpr std::int64_t kSpecialTokens = 4;
constexpr std::string_view kSeparators = " \t\r\n";
// Of a word that is quoted in a message.
constexpr std::size_t kShownBytes = 20;

std::int32_t parse_id(std::string_view word, std::int64_t vocab_size) {
  std::int32_t id = -1;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), id);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == word.data() + word.size();
  if (whole && id >= 0 && id < vocab_size) return id;
  throw Error(ErrorCode::kUnsupported,
              "text: expected token ids below " + std::to_string(vocab_size) +
                  " (a model with random weights has no vocabulary), found \"" +
                  std::string(word.substr(0, kShownBytes)) + "\"");
}

}  // namespace

IdTokenizer::IdTokenizer(std::int64_t vocab_size) : vocab_size_(vocab_size) {
  if (vocab_size >= kSpecialTokens) return;
  throw Error(ErrorCode::kInvalidArgument, "vocab_size: expected at least " +
                                               std::to_string(kSpecialTokens) + ", found " +
                                               std::to_string(vocab_size));
}

TokenizedText IdTokenizer::tokenize(std::string_view text) const {
  require_text_size(text);
  TokenizedText tokens;
  for (std::size_t begin = text.find_first_not_of(kSeparators); begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    tokens.ids.push_back(parse_id(text.substr(begin, end - begin), vocab_size_));
    tokens.spans.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    begin = text.find_first_not_of(kSeparators, end);
  }
  return tokens;
}

std::string IdTokenizer::token(std::int32_t id) const {
  if (id >= 0 && id < vocab_size_) return std::to_string(id);
  throw Error(ErrorCode::kInvalidArgument, "token id: expected 0 to " +
                                               std::to_string(vocab_size_ - 1) + ", found " +
                                               std::to_string(id));
}

std::uint64_t IdTokenizer::hash() const noexcept {
  // Nothing but the range of ids decides what a text becomes.
  const auto bytes = std::as_bytes(std::span(&vocab_size_, 1));
  return hash64(bytes) ^ hash64(std::string_view("ids in decimal"));
}

}  // namespace deformer
