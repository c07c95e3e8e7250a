// tokenizer.json with a Unigram model, as those of XLM-R, CamemBERT, ALBERT, XLNet and DeBERTa.
#pragma once

#include <filesystem>
#include <memory>

#include "deformer/tokenizer.h"

namespace deformer {

class JsonPlace;

/// `root` is MODEL_DIR/tokenizer.json. What is not understood is refused with its place, but for
/// truncation, padding and decoder, which change no id. Throws kCorrupt, kUnsupported,
/// kIncompatible (tokenizer_config.json says otherwise).
[[nodiscard]] std::unique_ptr<const Tokenizer> make_json_unigram_tokenizer(
    const JsonPlace& root, const std::filesystem::path& model_dir);

/// Throws kIncompatible with the first difference when MODEL_DIR/tokenizer.json, which may be
/// absent, holds a Unigram model with other pieces than `tokenizer`, that of `file`. Tokens behind
/// the pieces may be in one alone.
void require_same_pieces(const Tokenizer& tokenizer, const std::filesystem::path& file,
                         const std::filesystem::path& model_dir);

/// Whether its normalizer lower-cases.
[[nodiscard]] bool json_unigram_lower_case(const JsonPlace& root);

}  // namespace deformer
