// Making and writing config.json; reading it is public (deformer/model_config.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "architecture/architecture.h"
#include "deformer/model_config.h"

namespace deformer {

/// Throws kIncompatible when the tokenizer has more tokens than the embeddings have rows.
void require_vocabulary(const std::filesystem::path& model_dir, const ModelConfig& config,
                        std::int64_t vocabulary);

class JsonPlace;

// For the records of architectures: what they read of their own.

[[nodiscard]] std::int64_t integer_or(const JsonPlace& object, const char* key,
                                      std::int64_t fallback);
/// Throws kUnsupported: place, expected, found.
[[noreturn]] void unsupported(const JsonPlace& place, const std::string& expected,
                              const std::string& found);
/// Throws kUnsupported when the key is there with another text than `expected`.
void refuse_other(const JsonPlace& root, const char* key, const char* expected);

/// Hugging Face's class that loads a model of this task, e.g. "BertForQuestionAnswering".
[[nodiscard]] std::string class_name(const Architecture& architecture, TaskKind task);

/// What SplitConfig::window_step is where no file states it, and always where one window is read.
[[nodiscard]] int usual_window_step(int window_tokens);

/// The first choice for decomposed models: BERT restart, XLNet packed.
[[nodiscard]] Layout default_layout(const ModelConfig& config);

/// What a file says, and what filled in the rest.
struct ReadConfig {
  ModelConfig config;
  Task task;
  bool stated = false;  ///< the file names the task itself
  /// find_other_problem(): no fault of a directory whose head for classes is not used.
  std::optional<std::string> other_problem = {};
  bool ordinary = false;  ///< the file has no `deformer` object
  /// As the file spells it; empty: not said. Of the tokenizer's files none may tell which it is.
  std::string tokenizer_class = {};
};
/// load_model_config() with the task that it took, and without require_single_label().
[[nodiscard]] ReadConfig read_model_config(const std::filesystem::path& model_dir,
                                           const std::optional<Task>& asked = {});
/// Throws kUnsupported where the head for classes is to be used and has another problem.
void require_single_label(const ReadConfig& read, TaskKind used_for);

/// The task's lengths with this layout, as far as the position table allows: what training makes of
/// an ordinary checkpoint. The passage stays where it stands.
[[nodiscard]] SplitConfig default_split(const ModelConfig& config, const Task& task, Layout layout);

/// The config's own split in another layout: a window that the position table no longer holds is
/// cut to what it does.
[[nodiscard]] SplitConfig split_in_layout(ModelConfig config, Layout layout);

/// The text of a config.json that load_model_config() reads back as the same ModelConfig and that
/// Hugging Face loads as the task's class, e.g. BertForQuestionAnswering or
/// XLNetForSequenceClassification; the split is in its `deformer` object. Kinds that read one
/// window leave out what concerns several, and state the place of the passage.
[[nodiscard]] std::string config_to_json(const ModelConfig& config);

/// validate(), then writes MODEL_DIR/config.json as a whole or not at all, with the tokenizer_class
/// where there is one. The directory must exist. Throws kIncompatible, kNotFound, kIo,
/// kResourceExhausted.
void save_model_config(const ModelConfig& config, const std::filesystem::path& model_dir,
                       const std::string& tokenizer_class = {});

}  // namespace deformer
