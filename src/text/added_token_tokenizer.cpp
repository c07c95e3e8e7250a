#include "text/added_token_tokenizer.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/hash.h"
#include "text/text_size.h"

namespace deformer {

AddedTokenTokenizer::AddedTokenTokenizer(std::unique_ptr<const Tokenizer> tokenizer,
                                         const std::vector<Token>& added, Normalize normalize)
    : tokenizer_(std::move(tokenizer)),
      normalize_(std::move(normalize)),
      begins_(std::numeric_limits<unsigned char>::max() + 1U),
      vocab_size_(tokenizer_->vocab_size()) {
  for (const Token& token : added) add(token);
  std::set<std::size_t, std::greater<>> sizes;
  for (const auto& [searched, id] : added_) sizes.insert(searched.size());
  sizes_.assign(sizes.begin(), sizes.end());
  hash_ = make_hash();
}

void AddedTokenTokenizer::add(const Token& token) {
  const std::string searched = normalize_ ? normalize_(token.content).text : token.content;
  added_.emplace(searched, token.id);
  contents_.emplace(token.id, token.content);
  begins_[static_cast<unsigned char>(searched.front())] = true;
  vocab_size_ = std::max(vocab_size_, std::int64_t{token.id} + 1);
}

std::uint64_t AddedTokenTokenizer::make_hash() const {
  Hasher hasher;
  hasher.add(normalize_ ? "normalized added tokens 1" : "added tokens 1");
  hasher.add(static_cast<std::int64_t>(tokenizer_->hash()));
  for (const auto& [searched, id] : added_) hasher.add(searched).add(std::int64_t{id});
  return hasher.digest64();
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

std::vector<AddedTokenTokenizer::Found> AddedTokenTokenizer::find_all(std::string_view text) const {
  std::vector<Found> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto token = find_at(text, at);
    if (token == added_.end()) {
      ++at;
      continue;
    }
    const std::size_t end = at + token->first.size();
    all.push_back(
        {token->second, {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)}});
    at = end;
  }
  return all;
}

std::vector<AddedTokenTokenizer::Found> AddedTokenTokenizer::find_all_normalized(
    std::string_view text) const {
  const SourcedText normalized = normalize_(text);
  std::vector<Found> all = find_all(normalized.text);
  std::uint32_t end = 0;  // two tokens of one character: the second has nothing left
  for (Found& found : all) {
    const ByteSpan first = normalized.sources[found.span.begin];
    const ByteSpan last = normalized.sources[found.span.end - 1];
    found.span = {std::max(first.begin, end), std::max(last.end, end)};
    end = found.span.end;
  }
  return all;
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
  require_text_size(text);
  TokenizedText result;
  std::size_t begin = 0;
  for (const Found& found : normalize_ ? find_all_normalized(text) : find_all(text)) {
    append_text(text, begin, found.span.begin, result);
    result.ids.push_back(found.id);
    result.spans.push_back(found.span);
    begin = found.span.end;
  }
  append_text(text, begin, text.size(), result);
  return result;
}

std::string AddedTokenTokenizer::token(std::int32_t id) const {
  const auto found = contents_.find(id);
  if (found != contents_.end()) return found->second;
  const bool is_hole = id >= tokenizer_->vocab_size() && id < vocab_size_;
  return is_hole ? "" : tokenizer_->token(id);
}

}  // namespace deformer
