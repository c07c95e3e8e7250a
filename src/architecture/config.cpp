#include "architecture/config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "architecture/bert_family.h"
#include "architecture/config_check.h"
#include "architecture/config_names.h"
#include "architecture/task_config.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// Hugging Face's question-answering pipeline; the original BERT's run_squad.py uses the same.
constexpr int kOrdinaryMaxQuestionTokens = 64;

constexpr std::array<std::string_view, 8> kDeformerKeys{
    "task",        "split_layer",       "layout",       "max_question_tokens", "window_tokens",
    "window_step", "max_answer_tokens", "passage_place"};

double number_or(const JsonPlace& object, const char* key, double fallback) {
  return object.has(key) ? object.at(key).as_number() : fallback;
}

// Configurations from before `model_type` existed name the class only.
const Architecture* architecture_of_class(const JsonPlace& root) {
  if (!root.has("architectures")) return nullptr;
  const JsonPlace classes = root.at("architectures");
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (const Architecture* known : architectures()) {
      if (classes.at(i).as_string().starts_with(known->class_prefix)) return known;
    }
  }
  return nullptr;
}

const Architecture& read_architecture(const JsonPlace& root) {
  if (!root.has("model_type")) {
    if (const Architecture* found = architecture_of_class(root)) return *found;
  }
  const JsonPlace place = root.at("model_type");
  if (const Architecture* found = find_architecture(place.as_string())) return *found;
  unsupported(place, architecture_list(), in_quotes(place.as_string()));
}

Activation read_activation(const JsonPlace& root, const char* key) {
  if (!root.has(key)) return Activation::kGeluErf;
  const JsonPlace place = root.at(key);
  const std::string& name = place.as_string();
  if (const auto found = find_activation(name)) return *found;
  unsupported(place, "gelu, gelu_new, gelu_pytorch_tanh or relu", in_quotes(name));
}

// Hugging Face takes either name.
std::int64_t read_size(const JsonPlace& root, const char* name, const char* other) {
  if (!root.has(other)) return root.at(name).as_integer();
  const std::int64_t size = root.at(other).as_integer();
  const std::int64_t expected = integer_or(root, name, size);
  if (size == expected) return size;
  throw Error(ErrorCode::kIncompatible, root.at(other).where() + ": expected " + name + ", " +
                                            std::to_string(expected) + ", found " +
                                            std::to_string(size));
}

// Of all architectures alike.
ModelConfig read_sizes(const JsonPlace& root, const Architecture& architecture) {
  const SizeKeys& keys = architecture.size_keys;
  ModelConfig config;
  config.architecture = architecture.model_type;
  config.vocab_size = read_size(root, "vocab_size", keys.old_vocab_size);
  config.hidden_size = read_size(root, keys.hidden_size, kBertSizeKeys.hidden_size);
  config.num_hidden_layers =
      read_size(root, keys.num_hidden_layers, kBertSizeKeys.num_hidden_layers);
  config.num_attention_heads =
      read_size(root, keys.num_attention_heads, kBertSizeKeys.num_attention_heads);
  config.intermediate_size = root.at(keys.intermediate_size).as_integer();
  config.hidden_act = read_activation(root, keys.hidden_act);
  config.layer_norm_eps = number_or(root, "layer_norm_eps", config.layer_norm_eps);
  config.initializer_range = number_or(root, "initializer_range", config.initializer_range);
  return config;
}

int length_or(const JsonPlace& object, const char* key, std::int64_t fallback) {
  const std::int64_t value = integer_or(object, key, fallback);
  // As far as an int needs it: check_split() knows each key's own bounds.
  require_none(outside(key, value, -kMaxLength, kMaxLength), object.where() + ".");
  return static_cast<int>(value);
}

// Where one window is read no step is ever taken. It is a part of the fingerprint all the same, and
// config_to_json() leaves it out: what a file states is checked and left aside.
int read_window_step(const JsonPlace& deformer, const ModelConfig& config) {
  const int window_tokens = config.split.window_tokens;
  const int usual = usual_window_step(window_tokens);
  const int step = length_or(deformer, "window_step", usual);
  if (config.task == TaskKind::kSpan) return step;
  if (deformer.has("window_step") && window_tokens >= 1) {
    require_none(outside("window_step", step, 1, window_tokens), deformer.where() + ".");
  }
  return usual;
}

Layout read_layout(const JsonPlace& deformer, const Architecture& architecture) {
  if (!deformer.has("layout")) return architecture.layouts.front();
  const JsonPlace place = deformer.at("layout");
  const auto layout = find_layout(place.as_string());
  if (layout && has_layout(architecture, *layout)) return *layout;
  unsupported(place, layout_list(architecture), in_quotes(place.as_string()));
}

// A misspelt key would silently leave a default in force.
void refuse_unknown_keys(const JsonPlace& deformer) {
  deformer.require_object();
  for (const auto& [key, value] : deformer.value().items()) {
    if (std::find(kDeformerKeys.begin(), kDeformerKeys.end(), key) == kDeformerKeys.end()) {
      unsupported(deformer,
                  "keys among task, split_layer, layout, max_question_tokens, window_tokens, "
                  "window_step, max_answer_tokens, passage_place",
                  in_quotes(key));
    }
  }
}

std::optional<PassagePlace> read_passage_place(const JsonPlace& deformer) {
  if (!deformer.has("passage_place")) return std::nullopt;
  const JsonPlace place = deformer.at("passage_place");
  for (const PassagePlace known : {PassagePlace::kFirst, PassagePlace::kSecond}) {
    if (to_string(known) == place.as_string()) return known;
  }
  unsupported(place, "first or second", in_quotes(place.as_string()));
}

// Another form than a text is none of the model's faults.
std::string read_tokenizer_class(const JsonPlace& root) {
  const std::optional<JsonPlace> place = root.find("tokenizer_class");
  return place && place->value().is_string() ? place->as_string() : "";
}

// Tokens of a window that the position table holds, beside the longest question where the layout
// joins the two.
std::int64_t window_room(const ModelConfig& config) {
  const SplitConfig& split = config.split;
  const std::int64_t positions = usable_positions(config).value_or(kMaxLength);
  const SpecialCounts special = special_counts(config);
  const std::int64_t before =
      split.layout == Layout::kContinue ? split.max_question_tokens + special.question : 0;
  return std::max<std::int64_t>(1, positions - before - special.window);
}

// Fills the lengths of config.split, whose layout and passage place are set. The task's lengths
// shrink to what the position table holds; lengths that the object states do not.
void read_lengths(const JsonPlace& deformer, const Task& task, ModelConfig& config) {
  SplitConfig& split = config.split;
  const std::int64_t positions = usable_positions(config).value_or(kMaxLength);
  split.max_question_tokens = length_or(
      deformer, "max_question_tokens",
      std::min<std::int64_t>(task.max_question_tokens, std::max<std::int64_t>(1, positions / 4)));
  split.window_tokens = length_or(deformer, "window_tokens",
                                  std::min<std::int64_t>(task.window_tokens, window_room(config)));
  split.window_step = read_window_step(deformer, config);
  split.max_answer_tokens = length_or(deformer, "max_answer_tokens", split.max_answer_tokens);
}

void read_split(const JsonPlace& root, Task task, ModelConfig& config) {
  const bool ordinary = !root.has("deformer");
  const nlohmann::json nothing = nlohmann::json::object();
  const JsonPlace deformer = ordinary ? JsonPlace(nothing, root.where()) : root.at("deformer");
  refuse_unknown_keys(deformer);
  if (ordinary) {
    task.max_question_tokens = std::max(task.max_question_tokens, kOrdinaryMaxQuestionTokens);
  }
  config.split.split_layer = length_or(deformer, "split_layer", 0);
  config.split.layout =
      ordinary ? Layout::kContinue : read_layout(deformer, architecture_of(config));
  config.split.passage_place = read_passage_place(deformer);
  if (!config.split.passage_place && task.passage_first) {
    config.split.passage_place = PassagePlace::kFirst;
  }
  read_lengths(deformer, task, config);
}

}  // namespace

int usual_window_step(int window_tokens) {
  return std::min(SplitConfig().window_step, window_tokens);
}

void unsupported(const JsonPlace& place, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::kUnsupported,
              place.where() + ": expected " + expected + ", found " + found);
}

std::int64_t integer_or(const JsonPlace& object, const char* key, std::int64_t fallback) {
  return object.has(key) ? object.at(key).as_integer() : fallback;
}

void refuse_other(const JsonPlace& root, const char* key, const char* expected) {
  if (!root.has(key)) return;
  const JsonPlace place = root.at(key);
  if (place.as_string() != expected) unsupported(place, expected, in_quotes(place.as_string()));
}

ReadConfig read_model_config(const std::filesystem::path& model_dir,
                             const std::optional<Task>& asked) {
  const std::filesystem::path path = model_dir / "config.json";
  const nlohmann::json document = load_json(path);
  const JsonPlace root(document, path.string());
  root.require_object();
  const Architecture& architecture = read_architecture(root);
  ModelConfig config = read_sizes(root, architecture);
  require_none(check_common_sizes(config), path.string() + ": ");
  const Task task = read_task(root, asked);
  config.task = task.kind;
  config.labels = read_labels(root, task);
  architecture.read_config(root, config);
  require_none(check_sizes(config), path.string() + ": ");
  read_split(root, task, config);
  require_none(check_task(config), path.string() + ": ");
  require_none(check_split(config), path.string() + ": ");
  const std::optional<JsonPlace> deformer = root.find("deformer");
  return {config,
          task,
          deformer && deformer->has("task"),
          find_other_problem(root),
          !deformer,
          read_tokenizer_class(root)};
}

void require_single_label(const ReadConfig& read, TaskKind used_for) {
  if (used_for != TaskKind::kClasses || !read.other_problem) return;
  throw Error(ErrorCode::kUnsupported, *read.other_problem);
}

ModelConfig load_model_config(const std::filesystem::path& model_dir,
                              const std::optional<Task>& task) {
  return guard_entry(model_dir.native(), [&] {
    const ReadConfig read = read_model_config(model_dir, task);
    require_single_label(read, read.config.task);
    return read.config;
  });
}

SplitConfig default_split(const ModelConfig& config, const Task& task, Layout layout) {
  const nlohmann::json nothing = nlohmann::json::object();
  ModelConfig filled = config;
  filled.split = {.layout = layout, .passage_place = config.split.passage_place};
  read_lengths(JsonPlace(nothing, ""), task, filled);
  return filled.split;
}

SplitConfig split_in_layout(ModelConfig config, Layout layout) {
  SplitConfig& split = config.split;
  split.layout = layout;
  split.window_tokens =
      static_cast<int>(std::min<std::int64_t>(split.window_tokens, window_room(config)));
  split.window_step = std::min(split.window_step, split.window_tokens);
  return split;
}

}  // namespace deformer
