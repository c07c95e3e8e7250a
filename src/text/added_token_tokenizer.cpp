#include "text/added_token_tokenizer.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/hash.h"

namespace deformer {
namespace {

std::uint64_t hash_of(const Tokenizer& tokenizer, const AddedTokenTokenizer::Ids& added) {
  Hasher hasher;
  hasher.add("added tokens 1").add(static_cast<std::int64_t>(tokenizer.hash()));
  for (const auto& [content, id] : added) hasher.add(content).add(std::int64_t{id});
  return hasher.digest64();
}

}  // namespace

AddedTokenTokenizer::AddedTokenTokenizer(std::unique_ptr<const Tokenizer> tokenizer, Ids added)
    : tokenizer_(std::move(tokenizer)),
      added_(std::move(added)),
      begins_(std::numeric_limits<unsigned char>::max() + 1U),
      vocab_size_(tokenizer_->vocab_size()),
      hash_(hash_of(*tokenizer_, added_)) {
  std::set<std::size_t, std::greater<>> sizes;
  for (const auto& [content, id] : added_) {
    sizes.insert(content.size());
    begins_[static_cast<unsigned char>(content.front())] = true;
    vocab_size_ = std::max(vocab_size_, std::int64_t{id} + 1);
  }
  sizes_.assign(sizes.begin(), sizes.end());
}

AddedTokenTokenizer::Ids::const_iterator AddedTokenTokenizer::find_at(
    std::string_view text, std::size_t at) const noexcept {
  if (!begins_[static_cast<unsigned char>(text[at])]) return added_.end();
  for (const std::size_t size : sizes_) {
    if (size > text.size() - at) continue;
    const auto found = added_.find(text.substr(at, size));
    if (found != added_.end()) return found;
  }
  return added_.end();
}

void AddedTokenTokenizer::append_text(std::string_view text, std::size_t begin, std::size_t end,
                                      TokenizedText& result) const {
  if (begin == end) return;
  const TokenizedText part = tokenizer_->tokenize(text.substr(begin, end - begin));
  const auto moved = static_cast<std::uint32_t>(begin);
  result.ids.insert(result.ids.end(), part.ids.begin(), part.ids.end());
  for (const ByteSpan& span : part.spans) {
    result.spans.push_back({span.begin + moved, span.end + moved});
  }
}

TokenizedText AddedTokenTokenizer::tokenize(std::string_view text) const {
  // Too long a text is refused there.
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) return tokenizer_->tokenize(text);
  TokenizedText result;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto token = find_at(text, at);
    if (token == added_.end()) {
      ++at;
      continue;
    }
    append_text(text, begin, at, result);
    begin = at + token->first.size();
    result.ids.push_back(token->second);
    result.spans.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(begin)});
    at = begin;
  }
  append_text(text, begin, text.size(), result);
  return result;
}

std::string AddedTokenTokenizer::token(std::int32_t id) const {
  const auto found = std::find_if(added_.begin(), added_.end(),
                                  [&](const auto& token) { return token.second == id; });
  if (found != added_.end()) return found->first;
  const bool is_hole = id >= tokenizer_->vocab_size() && id < vocab_size_;
  return is_hole ? "" : tokenizer_->token(id);
}

}  // namespace deformer
