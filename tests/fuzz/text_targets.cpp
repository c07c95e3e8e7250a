// Vocabularies and texts.
#include <array>
#include <initializer_list>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/input_files.h"

namespace deformer::fuzz {
namespace {

// What every reader of texts promises: as many spans as ids, in order, inside the text.
void tokenize(const Tokenizer& tokenizer, std::string_view text) {
  const TokenizedText tokens = tokenizer.tokenize(text);
  bool right = tokens.ids.size() == tokens.spans.size();
  for (std::size_t i = 0; i < tokens.ids.size() && right; ++i) {
    const ByteSpan& span = tokens.spans[i];
    right = span.begin <= span.end && span.end <= text.size() && tokens.ids[i] >= 0 &&
            tokens.ids[i] < tokenizer.vocab_size();
    if (right && i > 0) right = span.begin >= tokens.spans[i - 1].begin;
  }
  if (!right) throw std::logic_error("a token's span or id is out of range");
}

constexpr std::string_view kText =
    "The Cat's cafe\u0301 in 서울, 12.5 km\u00a0away: \u4e2d\u6587 \U0001f600!";

// The last part of the input is a text of its own.
void load_and_tokenize(Input input, std::initializer_list<std::string_view> names) {
  const auto tokenizer = load_tokenizer(write_files(input, names));
  tokenize(*tokenizer, kText);
  const std::vector<Input> all = parts(input);
  tokenize(*tokenizer, as_text(all.back()));
}

void read_wordpiece(Input input) {
  load_and_tokenize(input, {"vocab.txt", "tokenizer_config.json"});
}
void read_bpe(Input input) {
  load_and_tokenize(input, {"vocab.json", "merges.txt", "tokenizer_config.json"});
}
void read_tokenizer_json(Input input) {
  load_and_tokenize(input, {"tokenizer.json", "tokenizer_config.json"});
}
void read_sentencepiece(Input input) {
  load_and_tokenize(input, {"spiece.model", "tokenizer_config.json"});
}

}  // namespace

std::span<const Target> text_targets() {
  static constexpr std::array kTargets{
      Target{"wordpiece", read_wordpiece},
      Target{"bpe", read_bpe},
      Target{"tokenizer_json", read_tokenizer_json},
      Target{"sentencepiece", read_sentencepiece},
  };
  return kTargets;
}

}  // namespace deformer::fuzz
