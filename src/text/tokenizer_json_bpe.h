// tokenizer.json with a byte-level BPE model, as RoBERTa's.
#pragma once

#include <filesystem>
#include <memory>

#include "deformer/tokenizer.h"
#include "text/bpe_tables.h"

namespace deformer {

class JsonPlace;

/// `root` is MODEL_DIR/tokenizer.json. What is not understood is refused with its place, but for
/// truncation, padding and decoder, which change no id, and offsets, which are always trimmed. The
/// hash is that of the same tables from vocab.json and merges.txt. Throws kCorrupt, kUnsupported,
/// kIncompatible (tokenizer_config.json says otherwise).
[[nodiscard]] std::unique_ptr<const Tokenizer> make_json_bpe_tokenizer(
    const JsonPlace& root, const std::filesystem::path& model_dir);

/// Throws kIncompatible with the first difference when MODEL_DIR/tokenizer.json, which may be
/// absent, holds a BPE model with other tokens or rules than `tables`, those of vocab.json and
/// merges.txt.
void require_same_tables(const BpeTables& tables, const std::filesystem::path& model_dir);

}  // namespace deformer
