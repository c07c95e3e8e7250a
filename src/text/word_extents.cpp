#include "text/word_extents.h"

#include <cstdint>
#include <utility>

#include "text/bert_chars.h"
#include "text/utf8.h"

namespace deformer {
namespace {

// Grows a list of words by one character after the other.
class WordList {
 public:
  void add(BertCharKind kind, ByteSpan source) {
    switch (kind) {
      case BertCharKind::kDropped:
        return;
      case BertCharKind::kSpace:
        open_ = attached_ = false;
        return;
      case BertCharKind::kMark:
      case BertCharKind::kKeptMark:
        attached_ ? extend(source) : begin(source, true);
        return;
      case BertCharKind::kIdeograph:
      case BertCharKind::kPunctuation:
        begin(source, false);
        return;
      case BertCharKind::kOrdinary:
        open_ ? extend(source) : begin(source, true);
        return;
    }
  }

  [[nodiscard]] std::vector<ByteSpan> take() && { return std::move(words_); }

 private:
  void begin(ByteSpan source, bool open) {
    words_.push_back(source);
    open_ = open;
    attached_ = true;
  }
  void extend(ByteSpan source) { words_.back().end = source.end; }

  std::vector<ByteSpan> words_;
  bool open_ = false;      // the last word may go on
  bool attached_ = false;  // no space since the last word
};

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const BertCharKind kind = bert_char_kind(c.code_point);
    if (kind != BertCharKind::kSpace && kind != BertCharKind::kDropped) return false;
    at += c.size_bytes;
  }
  return true;
}

}  // namespace

std::vector<ByteSpan> bert_words(std::string_view text) {
  WordList words;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    const std::size_t end = at + c.size_bytes;
    words.add(bert_char_kind(c.code_point),
              {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
    at = end;
  }
  return std::move(words).take();
}

std::vector<ByteSpan> word_extents(std::string_view text, std::span<const ByteSpan> words,
                                   std::span<const ByteSpan> spans) {
  std::vector<ByteSpan> extents;
  extents.reserve(spans.size());
  auto first = words.begin();  // the word that holds the span's first byte, or the next one
  auto last = words.begin();   // the same for its last byte
  auto next = words.begin();   // the first word that does not end before the span does
  for (const ByteSpan& span : spans) {
    while (first != words.end() && first->end <= span.begin) ++first;
    while (last != words.end() && last->end < span.end) ++last;
    while (next != words.end() && next->end <= span.end) ++next;
    const std::string_view token = text.substr(span.begin, span.end - span.begin);
    if (token.find_first_not_of(' ') == std::string_view::npos) {
      const bool follows = next != words.end() && next->begin == span.end;
      extents.push_back(follows ? *next : ByteSpan{span.end, span.end});
      continue;
    }
    const bool begins_inside = first != words.end() && first->begin <= span.begin;
    const bool ends_inside = last != words.end() && last->begin < span.end;
    extents.push_back(
        {begins_inside ? first->begin : span.begin, ends_inside ? last->end : span.end});
  }
  return extents;
}

void empty_blank(std::string_view text, std::vector<ByteSpan>& extents) {
  for (ByteSpan& extent : extents) {
    if (is_blank(text.substr(extent.begin, extent.end - extent.begin))) extent.begin = extent.end;
  }
}

}  // namespace deformer
