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

/// For each token, given by its span, from the beginning of the word in which it begins to the end
/// of the word in which it ends. A span that begins or ends outside all words stays as it is there.
/// Spans are as Tokenizer gives them, words in order and apart.
[[nodiscard]] std::vector<ByteSpan> word_extents(std::span<const ByteSpan> words,
                                                 std::span<const ByteSpan> spans);

/// The same with bert_words().
[[nodiscard]] std::vector<ByteSpan> word_extents(std::string_view text,
                                                 std::span<const ByteSpan> spans);

/// The same as Hugging Face's offsets have it, where byte-level BPE has tokens of spaces alone:
/// such a token belongs to the word that follows it at once, and else is empty, at its end.
[[nodiscard]] std::vector<ByteSpan> hugging_face_extents(std::string_view text,
                                                         std::span<const ByteSpan> words,
                                                         std::span<const ByteSpan> spans);

}  // namespace deformer
