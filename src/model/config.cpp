#include "model/config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "deformer/error.h"
#include "model/config_check.h"
#include "model/config_names.h"
#include "model/task_config.h"

namespace deformer {
namespace {

// Hugging Face's question-answering pipeline; the original BERT's run_squad.py uses the same.
constexpr int kOrdinaryMaxQuestionTokens = 64;

constexpr std::array<std::string_view, 8> kDeformerKeys{
    "task",        "split_layer",       "layout",       "max_question_tokens", "window_tokens",
    "window_step", "max_answer_tokens", "passage_place"};

[[noreturn]] void unsupported(const JsonPlace& place, const std::string& expected,
                              const std::string& found) {
  throw Error(ErrorCode::kUnsupported,
              place.where() + ": expected " + expected + ", found " + found);
}

std::int64_t integer_or(const JsonPlace& object, const char* key, std::int64_t fallback) {
  return object.has(key) ? object.at(key).as_integer() : fallback;
}

double number_or(const JsonPlace& object, const char* key, double fallback) {
  return object.has(key) ? object.at(key).as_number() : fallback;
}

// Configurations from before `model_type` existed name the class only.
std::optional<Architecture> architecture_of_class(const JsonPlace& root) {
  if (!root.has("architectures")) return std::nullopt;
  const JsonPlace classes = root.at("architectures");
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (const ArchitectureNames& known : known_architectures()) {
      if (classes.at(i).as_string().starts_with(known.class_prefix)) return known.architecture;
    }
  }
  return std::nullopt;
}

Architecture read_architecture(const JsonPlace& root) {
  if (!root.has("model_type")) {
    if (const auto found = architecture_of_class(root)) return *found;
  }
  const JsonPlace place = root.at("model_type");
  const std::string& name = place.as_string();
  for (const ArchitectureNames& known : known_architectures()) {
    if (name == known.model_type) return known.architecture;
  }
  unsupported(place, architecture_list(), "\"" + name + "\"");
}

Activation read_activation(const JsonPlace& root, const char* key) {
  if (!root.has(key)) return Activation::kGeluErf;
  const JsonPlace place = root.at(key);
  const std::string& name = place.as_string();
  if (const auto found = find_activation(name)) return *found;
  unsupported(place, "gelu, gelu_new, gelu_pytorch_tanh or relu", "\"" + name + "\"");
}

// Switches of Hugging Face's BertConfig that change what the layers compute.
void refuse_other_berts(const JsonPlace& root) {
  if (root.has("position_embedding_type")) {
    const JsonPlace place = root.at("position_embedding_type");
    if (place.as_string() != "absolute") {
      unsupported(place, "absolute", "\"" + place.as_string() + "\"");
    }
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (root.has(key) && root.at(key).as_bool()) {
      unsupported(root.at(key), "false (an encoder)", "true");
    }
  }
  if (root.has("pruned_heads")) {
    const JsonPlace place = root.at("pruned_heads");
    place.require_object();
    if (!place.value().empty()) unsupported(place, "no pruned heads", "some");
  }
}

// How XLNet's head for classes and choices makes one vector of a sequence.
void refuse_other_summaries(const JsonPlace& root) {
  for (const auto& [key, expected] :
       {std::pair("summary_type", "last"), std::pair("summary_activation", "tanh")}) {
    if (!root.has(key)) continue;
    const JsonPlace place = root.at(key);
    if (place.as_string() != expected) {
      unsupported(place, expected, "\"" + place.as_string() + "\"");
    }
  }
  if (root.has("summary_use_proj") && !root.at("summary_use_proj").as_bool()) {
    unsupported(root.at("summary_use_proj"), "true", "false");
  }
}

// The same of its XLNetConfig. What concerns memories and pretraining alone is left aside.
void refuse_other_xlnets(const JsonPlace& root, const ModelConfig& config) {
  if (root.has("attn_type")) {
    const JsonPlace place = root.at("attn_type");
    if (place.as_string() != "bi") unsupported(place, "bi", "\"" + place.as_string() + "\"");
  }
  if (root.has("bi_data") && root.at("bi_data").as_bool()) {
    unsupported(root.at("bi_data"), "false", "true");
  }
  if (integer_or(root, "clamp_len", -1) > 0) {
    unsupported(root.at("clamp_len"), "-1 (distances without limit)",
                std::to_string(root.at("clamp_len").as_integer()));
  }
  const std::int64_t head_size = integer_or(root, "d_head", config.head_size());
  if (head_size != config.head_size()) {
    unsupported(root.at("d_head"), "d_model / n_head = " + std::to_string(config.head_size()),
                std::to_string(head_size));
  }
  if (config.task != Task::kSpan) refuse_other_summaries(root);
}

// Hugging Face's code counts 32 buckets whatever the file says.
void refuse_other_mpnets(const JsonPlace& root) {
  const std::int64_t buckets = integer_or(root, kMpnetBucketsKey, kMpnetDistanceBuckets);
  if (buckets == kMpnetDistanceBuckets) return;
  unsupported(root.at(kMpnetBucketsKey), std::to_string(kMpnetDistanceBuckets),
              std::to_string(buckets));
}

ModelConfig read_sizes(const JsonPlace& root) {
  ModelConfig config;
  config.architecture = read_architecture(root);
  const ArchitectureNames& names = names_of(config.architecture);
  config.vocab_size = root.at("vocab_size").as_integer();
  config.hidden_size = root.at(names.hidden_size).as_integer();
  config.num_hidden_layers = root.at(names.num_hidden_layers).as_integer();
  config.num_attention_heads = root.at(names.num_attention_heads).as_integer();
  config.intermediate_size = root.at(names.intermediate_size).as_integer();
  if (config.architecture != Architecture::kXlnet) {
    config.max_position_embeddings = integer_or(root, "max_position_embeddings", 512);
  }
  if (config.architecture == Architecture::kBert) {
    config.type_vocab_size = integer_or(root, "type_vocab_size", config.type_vocab_size);
  }
  config.hidden_act = read_activation(root, names.hidden_act);
  config.layer_norm_eps = number_or(root, "layer_norm_eps", config.layer_norm_eps);
  config.initializer_range = number_or(root, "initializer_range", config.initializer_range);
  return config;
}

int length_or(const JsonPlace& object, const char* key, std::int64_t fallback) {
  const std::int64_t value = integer_or(object, key, fallback);
  if (auto found = outside(key, value, -kMaxSize, kMaxSize)) {
    throw Error(ErrorCode::kIncompatible, object.where() + "." + *found);
  }
  return static_cast<int>(value);
}

Layout read_layout(const JsonPlace& deformer, Architecture architecture) {
  if (!deformer.has("layout")) return layouts_of(architecture).front();
  const JsonPlace place = deformer.at("layout");
  const auto layout = find_layout(place.as_string());
  if (layout && has_layout(architecture, *layout)) return *layout;
  unsupported(place, layout_list(architecture), "\"" + place.as_string() + "\"");
}

// A misspelt key would silently leave a default in force.
void refuse_unknown_keys(const JsonPlace& deformer) {
  deformer.require_object();
  for (const auto& [key, value] : deformer.value().items()) {
    if (std::find(kDeformerKeys.begin(), kDeformerKeys.end(), key) == kDeformerKeys.end()) {
      unsupported(deformer,
                  "keys among task, split_layer, layout, max_question_tokens, window_tokens, "
                  "window_step, max_answer_tokens, passage_place",
                  nlohmann::json(key).dump());
    }
  }
}

std::optional<PassagePlace> read_passage_place(const JsonPlace& deformer) {
  if (!deformer.has("passage_place")) return std::nullopt;
  const JsonPlace place = deformer.at("passage_place");
  for (const PassagePlace known : {PassagePlace::kFirst, PassagePlace::kSecond}) {
    if (to_string(known) == place.as_string()) return known;
  }
  unsupported(place, "first or second", "\"" + place.as_string() + "\"");
}

// Fills the lengths of config.split, whose layout and passage place are set. Default lengths shrink
// to what the position table holds; lengths that the object states do not.
void read_lengths(const JsonPlace& deformer, const TaskLengths& lengths, ModelConfig& config) {
  SplitConfig& split = config.split;
  const std::int64_t positions = usable_positions(config).value_or(kMaxSize);
  split.max_question_tokens =
      length_or(deformer, "max_question_tokens",
                std::min<std::int64_t>(lengths.question, std::max<std::int64_t>(1, positions / 4)));
  const SpecialCounts special = special_counts(config);
  const std::int64_t before =
      split.layout == Layout::kContinue ? split.max_question_tokens + special.question : 0;
  const std::int64_t room = std::max<std::int64_t>(1, positions - before - special.window);
  split.window_tokens =
      length_or(deformer, "window_tokens", std::min<std::int64_t>(lengths.window, room));
  split.window_step =
      length_or(deformer, "window_step", std::min(split.window_step, split.window_tokens));
  split.max_answer_tokens = length_or(deformer, "max_answer_tokens", split.max_answer_tokens);
}

void read_split(const JsonPlace& root, ModelConfig& config) {
  const bool ordinary = !root.has("deformer");
  const nlohmann::json nothing = nlohmann::json::object();
  const JsonPlace deformer = ordinary ? JsonPlace(nothing, root.where()) : root.at("deformer");
  refuse_unknown_keys(deformer);
  TaskLengths lengths = published_lengths(config.task);
  if (ordinary) lengths.question = std::max(lengths.question, kOrdinaryMaxQuestionTokens);
  config.split.split_layer = length_or(deformer, "split_layer", 0);
  config.split.layout = ordinary ? Layout::kContinue : read_layout(deformer, config.architecture);
  config.split.passage_place = read_passage_place(deformer);
  read_lengths(deformer, lengths, config);
}

}  // namespace

ModelConfig load_model_config(const std::filesystem::path& model_dir, std::optional<Task> task) {
  const std::filesystem::path path = model_dir / "config.json";
  const nlohmann::json document = load_json(path);
  const JsonPlace root(document, path.string());
  root.require_object();
  ModelConfig config = read_sizes(root);
  require_none(check_sizes(config), path.string() + ": ");
  config.task = read_task(root, task);
  config.labels = read_labels(root, config.task);
  if (config.architecture == Architecture::kBert) refuse_other_berts(root);
  if (config.architecture == Architecture::kXlnet) refuse_other_xlnets(root, config);
  if (config.architecture == Architecture::kMpnet) refuse_other_mpnets(root);
  read_split(root, config);
  require_none(check_task(config), path.string() + ": ");
  require_none(check_split(config), path.string() + ": ");
  return config;
}

SplitConfig default_split(const ModelConfig& config, Layout layout) {
  const nlohmann::json nothing = nlohmann::json::object();
  ModelConfig filled = config;
  filled.split = {.layout = layout, .passage_place = config.split.passage_place};
  read_lengths(JsonPlace(nothing, ""), published_lengths(config.task), filled);
  return filled.split;
}

}  // namespace deformer
