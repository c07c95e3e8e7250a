#include "text/bpe_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "text/nfc_text.h"
#include "text/utf8.h"

namespace deformer {
namespace {

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

SourcedText replaced_text(std::string_view text) {
  SourcedText result;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const auto begin = static_cast<std::uint32_t>(at);
    append_utf8(result.text, c.code_point);
    result.sources.resize(result.text.size(), {begin, begin + c.size_bytes});
    at += c.size_bytes;
  }
  return result;
}

}  // namespace

BpeText::BpeText(std::string_view text, const BpeReading& reading) : text_(text) {
  const bool normalise = reading.nfc && may_change_in_nfc(text);
  const bool keeps = !normalise && is_valid_utf8(text);
  if (!keeps) {
    SourcedText changed = normalise ? nfc_text(text) : replaced_text(text);
    copy_ = std::move(changed.text);
    sources_ = std::move(changed.sources);
  }
  const std::string_view read = keeps ? text : std::string_view(copy_);
  if (reading.add_prefix_space && !read.empty() && read.front() != ' ') {
    added_bytes_ = 1;
    if (keeps) copy_ = text;
    copy_.insert(0, 1, ' ');
    if (!keeps) sources_.insert(sources_.begin(), ByteSpan{});
  }
  if (!copy_.empty()) text_ = copy_;
}

ByteSpan BpeText::span(std::size_t begin, std::size_t end) const noexcept {
  begin = std::max(begin, added_bytes_);
  end = std::max(end, begin + 1);
  const std::string_view token = text_.substr(begin, end - begin);
  const std::size_t first = token.find_first_not_of(' ');
  if (first == std::string_view::npos) return whole_characters(begin, end);
  return whole_characters(begin + first, begin + token.find_last_not_of(' ') + 1);
}

ByteSpan BpeText::whole_characters(std::size_t begin, std::size_t end) const noexcept {
  while (continues_character(text_[begin])) --begin;
  while (end < text_.size() && continues_character(text_[end])) ++end;
  if (!sources_.empty()) return {sources_[begin].begin, sources_[end - 1].end};
  return {static_cast<std::uint32_t>(begin - added_bytes_),
          static_cast<std::uint32_t>(end - added_bytes_)};
}

}  // namespace deformer
