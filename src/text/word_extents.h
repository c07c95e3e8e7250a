// Whole words of a text around its tokens.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer {

/// BERT's words, whatever tokenizer made the tokens: runs without white space and punctuation; a
/// punctuation mark or an ideograph is a word of its own. Combining marks belong to the character
/// before them.
[[nodiscard]] std::vector<ByteSpan> bert_words(std::string_view text);

/// Where an answer begins that begins with a token, and where one ends that ends with it: for each
/// token, given by its span, from the beginning of the word in which it begins to the end of the
/// word in which it ends. A span that begins or ends outside all words stays as it is there. A
/// token of spaces alone (byte-level BPE has these) belongs to the word that follows it at once,
/// and else is empty, at its end, as Hugging Face's offsets have it. Spans are as Tokenizer gives
/// them, words in order and apart; without words each token is by itself.
[[nodiscard]] std::vector<ByteSpan> word_extents(std::string_view text,
                                                 std::span<const ByteSpan> words,
                                                 std::span<const ByteSpan> spans);

/// Empties what holds white space alone, of whatever kind: it is no answer.
void empty_blank(std::string_view text, std::vector<ByteSpan>& extents);

}  // namespace deformer
