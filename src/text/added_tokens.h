// Tokens that were added to a tokenizer after its vocabulary was made.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "deformer/tokenizer.h"

namespace deformer {

class JsonPlace;

/// A tokenizer of MODEL_DIR/`file`, which has no place for tokens that were added later. Throws
/// kUnsupported where `added_tokens_decoder` of tokenizer_config.json or added_tokens.json
/// (transformers before 4.34) names one that a text would be searched for and the tokenizer lacks.
/// Special ones, which are plain text in a text, do not count. Throws kCorrupt.
void require_no_added_tokens(const Tokenizer& tokenizer, std::string_view file,
                             const std::filesystem::path& model_dir);

/// The same for `added_tokens` of a tokenizer.json beside `file`, whose vocabulary has `size`
/// tokens.
void require_no_added_tokens(const JsonPlace& tokenizer_json, std::size_t size,
                             std::string_view file);

}  // namespace deformer
