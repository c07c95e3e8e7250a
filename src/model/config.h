// Writing config.json; reading it is public (deformer/model_config.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "deformer/model_config.h"

namespace deformer {

/// Throws kIncompatible when the tokenizer has more tokens than the embeddings have rows.
void require_vocabulary(const std::filesystem::path& model_dir, const ModelConfig& config,
                        std::int64_t vocabulary);

/// The first choice for decomposed readers: BERT restart, XLNet packed.
[[nodiscard]] Layout default_layout(Architecture architecture);

/// The published lengths (SplitConfig's defaults) with this layout, as far as the position table
/// allows: what training makes of an ordinary checkpoint.
[[nodiscard]] SplitConfig default_split(const ModelConfig& config, Layout layout);

/// The text of a config.json that load_model_config() reads back as the same ModelConfig and that
/// Hugging Face loads as a BertForQuestionAnswering or XLNetForQuestionAnsweringSimple; the split
/// is in its `deformer` object.
[[nodiscard]] std::string config_to_json(const ModelConfig& config);

/// validate(), then writes MODEL_DIR/config.json as a whole or not at all. The directory must
/// exist. Throws kIncompatible, kNotFound, kIo, kResourceExhausted.
void save_model_config(const ModelConfig& config, const std::filesystem::path& model_dir);

}  // namespace deformer
