// Making and writing config.json; reading it is public (deformer/model_config.h).
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

/// The published lengths of the config's task with this layout, as far as the position table
/// allows: what training makes of an ordinary checkpoint. The passage stays where it stands.
[[nodiscard]] SplitConfig default_split(const ModelConfig& config, Layout layout);

/// The text of a config.json that load_model_config() reads back as the same ModelConfig and that
/// Hugging Face loads as the task's class, e.g. BertForQuestionAnswering or
/// XLNetForSequenceClassification; the split is in its `deformer` object. Tasks that read one
/// window leave out what concerns several.
[[nodiscard]] std::string config_to_json(const ModelConfig& config);

/// validate(), then writes MODEL_DIR/config.json as a whole or not at all. The directory must
/// exist. Throws kIncompatible, kNotFound, kIo, kResourceExhausted.
void save_model_config(const ModelConfig& config, const std::filesystem::path& model_dir);

}  // namespace deformer
