// The files that a model directory's tokenizer consists of.
#pragma once

#include <array>

namespace deformer {

/// One of these holds the vocabulary. Where there are several, the first says what the tokenizer
/// is.
inline constexpr std::array<const char*, 6> kVocabularyFiles{
    "vocab.txt", "vocab.json",    "spiece.model", "sentencepiece.bpe.model",
    "spm.model", "tokenizer.json"};

/// All that a tokenizer of any kind reads; none but these is its own.
inline constexpr std::array<const char*, 10> kTokenizerFiles{
    "vocab.txt",         "vocab.json",
    "merges.txt",        "spiece.model",
    "spm.model",         "sentencepiece.bpe.model",
    "tokenizer.json",    "tokenizer_config.json",
    "added_tokens.json", "special_tokens_map.json"};

}  // namespace deformer
