// tokenizer.json, the whole tokenizer in one file as Hugging Face's tokenizers library writes it.
#pragma once

#include <filesystem>
#include <memory>

#include "deformer/tokenizer.h"
#include "text/other_tokenizer.h"
#include "text/tokenizer_config.h"
#include "text/vocabulary.h"

namespace deformer {

/// Reads MODEL_DIR/tokenizer.json and MODEL_DIR/tokenizer_config.json: a WordPiece model with
/// BERT's normalizer and pre-tokenizer, a byte-level BPE model (tokenizer_json_bpe.h) or a Unigram
/// model (tokenizer_json_unigram.h). What tokenizer.json says and is not understood here is
/// refused with its place, but for truncation, padding and decoder, which change no id. Options and
/// special tokens are tokenizer.json's; where tokenizer_config.json states another value, that is
/// an error. A WordPiece tokenizer's hash is that of the same vocabulary and options from
/// vocab.txt. Throws kNotFound, kIo, kCorrupt, kUnsupported (another model, another pipeline),
/// kIncompatible (the two files disagree).
[[nodiscard]] std::unique_ptr<const Tokenizer> load_json_tokenizer(
    const std::filesystem::path& model_dir, OtherTokenizer other);

/// The options and special tokens of that tokenizer; of one without WordPiece's options the case
/// alone. Throws as load_json_tokenizer().
[[nodiscard]] TokenizerConfig load_json_tokenizer_config(const std::filesystem::path& model_dir);

/// Throws kIncompatible naming both files and the first difference when `json`, a tokenizer.json
/// which may be absent, holds a WordPiece model whose vocabulary is not that of `lines`, a
/// vocab.txt.
void require_same_vocabulary(const WordPieceVocabulary& vocabulary,
                             const std::filesystem::path& lines, const std::filesystem::path& json);

}  // namespace deformer
