#include "text/bpe_text.h"

#include <algorithm>

#include "text/utf8.h"

namespace deformer {
namespace {

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace

BpeText::BpeText(std::string_view text, Prefix prefix) : text_(text) {
  if (prefix == Prefix::kAdd && !text.empty() && text.front() != ' ') added_bytes_ = 1;
  const bool valid = is_valid_utf8(text);
  if (valid && added_bytes_ == 0) return;
  copy_.assign(added_bytes_, ' ');
  if (valid) {
    copy_ += text;
  } else {
    sources_.assign(added_bytes_, {});
    copy(text);
  }
  text_ = copy_;
}

void BpeText::copy(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const auto begin = static_cast<std::uint32_t>(at);
    append_utf8(copy_, c.code_point);
    sources_.resize(copy_.size(), {begin, begin + c.size_bytes});
    at += c.size_bytes;
  }
}

ByteSpan BpeText::span(std::size_t begin, std::size_t end) const noexcept {
  begin = std::max(begin, added_bytes_);
  end = std::max(end, begin + 1);
  const std::size_t first = std::min(text_.find_first_not_of(' ', begin), end);
  if (first < end) {
    begin = first;
    end = text_.find_last_not_of(' ', end - 1) + 1;
  }
  return whole_characters(begin, end);
}

ByteSpan BpeText::whole_characters(std::size_t begin, std::size_t end) const noexcept {
  while (continues_character(text_[begin])) --begin;
  while (end < text_.size() && continues_character(text_[end])) ++end;
  if (!sources_.empty()) return {sources_[begin].begin, sources_[end - 1].end};
  return {static_cast<std::uint32_t>(begin - added_bytes_),
          static_cast<std::uint32_t>(end - added_bytes_)};
}

}  // namespace deformer
