#include "text/unigram_tokenizer.h"

#include <algorithm>
#include <utility>

#include "deformer/error.h"
#include "text/bert_chars.h"
#include "text/text_size.h"
#include "text/utf8.h"
#include "text/word_mark.h"

namespace deformer {
namespace {

// What a normalizer may make of a byte, in characters. The longest decomposition has 18; a chain of
// replacements has no end.
constexpr std::size_t kMostGrowth = 64;

bool stands_for_nothing(char32_t c) {
  return c == kWordMark || is_white_space(c);
}

// Puts a mark before a word that has none.
void begin_word(const SourcedChars& chars, std::size_t at, SourcedChars& marked) {
  if (chars[at].code_point == kWordMark || chars[at].code_point == U' ') return;
  const std::uint32_t begin = chars[at].source.begin;
  marked.push_back({kWordMark, {begin, begin}});
}

bool is_punctuation(char32_t c) {
  return bert_char_kind(c) == BertCharKind::kPunctuation;
}

// All words one after the other, spaces as marks. A word begins at every mark, and at those that
// `begins` counts.
struct MarkedWords {
  SourcedChars chars;
  std::vector<std::size_t> begins;  // of parts: a word is never longer than its part
};

MarkedWords mark_words(const SourcedChars& chars, const UnigramWords& words) {
  MarkedWords marked;
  marked.chars.reserve(chars.size() + chars.size() / 4 + 1);
  bool begins = true;
  for (std::size_t at = 0; at < chars.size(); ++at) {
    const char32_t c = chars[at].code_point;
    if (words.splits_white_space && is_white_space(c)) {
      begins = true;
      continue;
    }
    const bool alone = words.splits_punctuation && is_punctuation(c);
    if (begins || alone) {
      marked.begins.push_back(marked.chars.size());
      begin_word(chars, at, marked.chars);
    }
    marked.chars.push_back({c == U' ' ? kWordMark : c, chars[at].source});
    begins = alone;
  }
  marked.begins.push_back(marked.chars.size());
  return marked;
}

// For each character the first from there on that stands for something, or the last of all.
std::vector<std::size_t> find_something(const SourcedChars& chars) {
  std::vector<std::size_t> next(chars.size());
  for (std::size_t i = chars.size(); i-- > 0;) {
    const bool goes_on = stands_for_nothing(chars[i].code_point) && i + 1 < chars.size();
    next[i] = goes_on ? next[i + 1] : i;
  }
  return next;
}

}  // namespace

UnigramTokenizer::UnigramTokenizer(UnigramModel model, std::vector<std::string> names,
                                   UnigramOptions options)
    : model_(std::move(model)), names_(std::move(names)), options_(std::move(options)) {}

std::string UnigramTokenizer::token(std::int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::kInvalidArgument, "token id: expected 0 to " +
                                                 std::to_string(vocab_size() - 1) + ", found " +
                                                 std::to_string(id));
  }
  return names_[static_cast<std::size_t>(id)];
}

void UnigramTokenizer::append_word(const SourcedChars& chars,
                                   std::span<const std::size_t> next_something, std::size_t begin,
                                   std::size_t end, TokenizedText& result) const {
  std::string word;
  std::vector<std::size_t> char_of;  // of each byte
  for (std::size_t i = begin; i < end; ++i) {
    append_utf8(word, chars[i].code_point);
    char_of.resize(word.size(), i);
  }
  for (const WordPart& part : model_.cut(word)) {
    std::size_t first = char_of[part.begin];
    std::size_t last = char_of[part.end - 1];
    const auto is_nothing = [&](std::size_t i) { return stands_for_nothing(chars[i].code_point); };
    while (first < last && is_nothing(first)) ++first;
    if (is_nothing(first)) first = last = next_something[first];
    while (is_nothing(last) && last > first) --last;
    result.ids.push_back(part.id);
    result.spans.push_back({chars[first].source.begin, chars[last].source.end});
  }
}

TokenizedText UnigramTokenizer::tokenize(std::string_view text) const {
  require_text_size(text);
  SourcedChars chars = decode_chars(text);
  for (const NormalizerStep& step : options_.normalizer) {
    chars = apply_step(step, chars);
    if (chars.size() / kMostGrowth <= text.size()) continue;
    throw Error(ErrorCode::kUnsupported, "tokenizer.json: normalizer: expected at most " +
                                             std::to_string(kMostGrowth) +
                                             " characters for a byte of the text, found more");
  }
  const MarkedWords marked = mark_words(chars, options_.words);
  const std::vector<std::size_t> next_something = find_something(marked.chars);
  TokenizedText result;
  for (std::size_t part = 0; part + 1 < marked.begins.size(); ++part) {
    std::size_t begin = marked.begins[part];
    const std::size_t part_end = marked.begins[part + 1];
    while (begin < part_end) {
      std::size_t end = begin + 1;
      while (end < part_end && marked.chars[end].code_point != kWordMark) ++end;
      append_word(marked.chars, next_something, begin, end, result);
      begin = end;
    }
  }
  return result;
}

}  // namespace deformer
