#include "architecture/config_check.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "architecture/architecture.h"
#include "architecture/bert_names.h"
#include "architecture/config.h"
#include "architecture/config_names.h"
#include "architecture/segment_layout.h"
#include "architecture/task_config.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// Rows of the position table that the longest question and window reach, special tokens included.
Contradiction check_positions(const ModelConfig& config) {
  const auto positions = usable_positions(config);
  if (!positions) return std::nullopt;
  const SpecialCounts special = special_counts(config);
  const std::int64_t question = config.split.max_question_tokens + special.question;
  const std::int64_t window = config.split.window_tokens + special.window;
  const bool joint = config.split.layout == Layout::kContinue;
  const std::int64_t needed = joint ? question + window : std::max(question, window);
  if (needed <= *positions) return std::nullopt;
  const std::int64_t unused = config.max_position_embeddings - *positions;
  return "max_position_embeddings: expected at least " + std::to_string(needed + unused) +
         " (layout " + to_string(config.split.layout) + ", max_question_tokens " +
         std::to_string(config.split.max_question_tokens) + " + " +
         std::to_string(special.question) + ", window_tokens " +
         std::to_string(config.split.window_tokens) + " + " + std::to_string(special.window) +
         "), found " + std::to_string(config.max_position_embeddings);
}

Contradiction check_lengths(const ModelConfig& config) {
  const SplitConfig& split = config.split;
  if (auto found =
          outside("deformer.max_question_tokens", split.max_question_tokens, 1, kMaxLength)) {
    return found;
  }
  if (auto found = outside("deformer.window_tokens", split.window_tokens, 1, kMaxLength)) {
    return found;
  }
  const bool span = config.task == TaskKind::kSpan;
  // A longer step would leave tokens between two windows unread. Where one window is read none is
  // taken, and the default may well be longer than the window.
  const std::int64_t longest = span ? std::int64_t{split.window_tokens} : kMaxLength;
  if (auto found = outside("deformer.window_step", split.window_step, 1, longest)) return found;
  if (!span) return std::nullopt;
  return outside("deformer.max_answer_tokens", split.max_answer_tokens, 1, kMaxLength);
}

// Another width than the layers' needs a projection between the two.
Contradiction check_embedding_size(const ModelConfig& config) {
  if (auto found = outside("embedding_size", config.embedding_size, 0, kMaxWidth)) return found;
  const Architecture& architecture = architecture_of(config);
  const BertNames* const names = architecture.names;
  const bool projects = names != nullptr && names->embedding_projection != nullptr;
  if (projects || config.embedding_width() == config.hidden_size) return std::nullopt;
  return std::string("embedding_size: expected ") + architecture.size_keys.hidden_size + " (" +
         std::to_string(config.hidden_size) + ") with model_type " + config.architecture +
         ", found " + std::to_string(config.embedding_size);
}

}  // namespace

SpecialCounts special_counts(const ModelConfig& config) {
  const auto layout = make_segment_layout(config, SpecialTokens{});
  return {std::ssize(layout->question({}).ids), layout->passage_special_tokens()};
}

std::optional<std::int64_t> usable_positions(const ModelConfig& config) {
  if (config.max_position_embeddings == 0) return std::nullopt;
  const Segment question = make_segment_layout(config, SpecialTokens{})->question({});
  return config.max_position_embeddings - question.positions.front();
}

Contradiction outside(std::string_view name, std::int64_t value, std::int64_t low,
                      std::int64_t high) {
  if (low <= value && value <= high) return std::nullopt;
  return std::string(name) + ": expected a value from " + std::to_string(low) + " to " +
         std::to_string(high) + ", found " + std::to_string(value);
}

Contradiction check_common_sizes(const ModelConfig& config) {
  const SizeKeys& names = architecture_of(config).size_keys;
  struct Size {
    std::string_view name;
    std::int64_t value;
    std::int64_t most;
  };
  for (const Size& size :
       {Size{"vocab_size", config.vocab_size, kMaxVocabulary},
        Size{names.hidden_size, config.hidden_size, kMaxWidth},
        Size{names.num_hidden_layers, config.num_hidden_layers, kMaxLayers},
        Size{names.num_attention_heads, config.num_attention_heads, kMaxWidth},
        Size{names.intermediate_size, config.intermediate_size, kMaxInnerWidth}}) {
    if (auto found = outside(size.name, size.value, 1, size.most)) return found;
  }
  if (config.hidden_size % config.num_attention_heads != 0) {
    return std::string(names.hidden_size) + ": expected a multiple of " +
           names.num_attention_heads + " (" + std::to_string(config.num_attention_heads) +
           "), found " + std::to_string(config.hidden_size);
  }
  if (auto found = check_embedding_size(config)) return found;
  if (!std::isfinite(config.layer_norm_eps) || config.layer_norm_eps <= 0) {
    return "layer_norm_eps: expected a number above 0, found " +
           nlohmann::json(config.layer_norm_eps).dump();
  }
  if (!std::isfinite(config.initializer_range) || config.initializer_range < 0) {
    return "initializer_range: expected a number of at least 0, found " +
           nlohmann::json(config.initializer_range).dump();
  }
  return std::nullopt;
}

Contradiction check_sizes(const ModelConfig& config) {
  if (auto found = check_common_sizes(config)) return found;
  return architecture_of(config).check_sizes(config);
}

Contradiction check_task(const ModelConfig& config) {
  const PassagePlace place = architecture_of(config).span_passage_place;
  if (config.task == TaskKind::kSpan && passage_place(config) != place) {
    return "deformer.passage_place: expected " + to_string(place) + " for span questions with " +
           config.architecture + ", found " + to_string(passage_place(config));
  }
  return find_label_fault(config);
}

Contradiction check_split(const ModelConfig& config) {
  const SplitConfig& split = config.split;
  if (auto found =
          outside("deformer.split_layer", split.split_layer, 0, config.num_hidden_layers - 1)) {
    return found;
  }
  const Architecture& architecture = architecture_of(config);
  if (!has_layout(architecture, split.layout)) {
    return "deformer.layout: expected " + layout_list(architecture) + ", found " +
           to_string(split.layout) + " (model_type " + config.architecture + ")";
  }
  const auto layout = make_segment_layout(config, SpecialTokens{});
  const bool depends =
      layout->passage_depends_on_question() || layout->question_depends_on_passage();
  if (depends && split.split_layer > 0) {
    return "deformer.layout: expected " + to_string(architecture.layouts.front()) +
           " with split_layer " + std::to_string(split.split_layer) + ", found " +
           to_string(split.layout) + " (a passage's positions would depend on the question)";
  }
  if (auto found = check_lengths(config)) return found;
  return check_positions(config);
}

void require_none(const Contradiction& contradiction, const std::string& where) {
  if (contradiction) throw Error(ErrorCode::kIncompatible, where + *contradiction);
}

void require_vocabulary(const std::filesystem::path& model_dir, const ModelConfig& config,
                        std::int64_t vocabulary) {
  if (vocabulary <= config.vocab_size) return;
  throw Error(ErrorCode::kIncompatible,
              model_dir.string() + ": expected a vocabulary of at most vocab_size " +
                  std::to_string(config.vocab_size) + " tokens (config.json), found " +
                  std::to_string(vocabulary));
}

void validate(const ModelConfig& config) {
  require_none(check_sizes(config), "");
  require_none(check_task(config), "");
  require_none(check_split(config), "");
}

}  // namespace deformer
