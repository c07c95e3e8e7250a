#include "model/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "deformer/error.h"
#include "model/task_config.h"

namespace deformer {
namespace {

constexpr std::int64_t kMaxSize = std::numeric_limits<std::int32_t>::max();
// Hugging Face's question-answering pipeline; the original BERT's run_squad.py uses the same.
constexpr int kOrdinaryMaxQuestionTokens = 64;

struct ActivationName {
  std::string_view name;
  Activation activation;
};
constexpr std::array<ActivationName, 4> kActivationNames{
    {{"gelu", Activation::kGeluErf},
     {"gelu_new", Activation::kGeluTanh},
     {"gelu_pytorch_tanh", Activation::kGeluTanh},
     {"relu", Activation::kRelu}}};

constexpr std::array<std::string_view, 8> kDeformerKeys{
    "task",        "split_layer",       "layout",       "max_question_tokens", "window_tokens",
    "window_step", "max_answer_tokens", "passage_place"};

// How an architecture's config.json spells what all architectures have, and what it is called.
struct ArchitectureNames {
  Architecture architecture;
  const char* model_type;
  const char* class_prefix;
  const char* reader_class_suffix;
  const char* hidden_size;
  const char* num_hidden_layers;
  const char* num_attention_heads;
  const char* intermediate_size;
  const char* hidden_act;
};
constexpr std::array<ArchitectureNames, 2> kArchitectures{
    {{Architecture::kBert, "bert", "Bert", "ForQuestionAnswering", "hidden_size",
      "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"},
     {Architecture::kXlnet, "xlnet", "XLNet", "ForQuestionAnsweringSimple", "d_model", "n_layer",
      "n_head", "d_inner", "ff_activation"}}};

const ArchitectureNames& names_of(Architecture architecture) {
  return kArchitectures[static_cast<std::size_t>(architecture)];
}

struct LayoutName {
  std::string_view name;
  Layout layout;
};
constexpr std::array<LayoutName, 4> kLayoutNames{{{"restart", Layout::kRestart},
                                                  {"continue", Layout::kContinue},
                                                  {"packed", Layout::kPacked},
                                                  {"slots", Layout::kSlots}}};

// The first is the default of a `deformer` object.
std::span<const Layout> layouts_of(Architecture architecture) {
  static constexpr std::array kBertLayouts{Layout::kRestart, Layout::kContinue};
  static constexpr std::array kXlnetLayouts{Layout::kPacked, Layout::kSlots, Layout::kContinue};
  if (architecture == Architecture::kXlnet) return kXlnetLayouts;
  return kBertLayouts;
}

bool has_layout(Architecture architecture, Layout layout) {
  const std::span<const Layout> known = layouts_of(architecture);
  return std::find(known.begin(), known.end(), layout) != known.end();
}

// "packed, slots or continue"
std::string layout_list(Architecture architecture) {
  const std::span<const Layout> known = layouts_of(architecture);
  std::string list = to_string(known.front());
  for (const Layout layout : known.subspan(1)) {
    list += (layout == known.back() ? " or " : ", ") + to_string(layout);
  }
  return list;
}

using Contradiction = std::optional<std::string>;

// Hugging Face's class that loads a model of this task.
std::string class_name(Architecture architecture, Task task) {
  const ArchitectureNames& names = names_of(architecture);
  const char* const suffix = task == Task::kSpan ? names.reader_class_suffix : class_suffix(task);
  return std::string(names.class_prefix) + suffix;
}

// Where question and passage stand when an architecture reads for spans.
PassagePlace reader_place(Architecture architecture) {
  return architecture == Architecture::kXlnet ? PassagePlace::kFirst : PassagePlace::kSecond;
}

std::optional<Layout> find_layout(std::string_view name) {
  for (const LayoutName& known : kLayoutNames) {
    if (known.name == name) return known.layout;
  }
  return std::nullopt;
}

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
    for (const ArchitectureNames& known : kArchitectures) {
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
  for (const ArchitectureNames& known : kArchitectures) {
    if (name == known.model_type) return known.architecture;
  }
  unsupported(place, "bert or xlnet", "\"" + name + "\"");
}

Activation read_activation(const JsonPlace& root, const char* key) {
  if (!root.has(key)) return Activation::kGeluErf;
  const JsonPlace place = root.at(key);
  const std::string& name = place.as_string();
  for (const ActivationName& known : kActivationNames) {
    if (known.name == name) return known.activation;
  }
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

ModelConfig read_sizes(const JsonPlace& root) {
  ModelConfig config;
  config.architecture = read_architecture(root);
  const ArchitectureNames& names = names_of(config.architecture);
  config.vocab_size = root.at("vocab_size").as_integer();
  config.hidden_size = root.at(names.hidden_size).as_integer();
  config.num_hidden_layers = root.at(names.num_hidden_layers).as_integer();
  config.num_attention_heads = root.at(names.num_attention_heads).as_integer();
  config.intermediate_size = root.at(names.intermediate_size).as_integer();
  if (config.architecture == Architecture::kBert) {
    config.max_position_embeddings = integer_or(root, "max_position_embeddings", 512);
    config.type_vocab_size = integer_or(root, "type_vocab_size", config.type_vocab_size);
  }
  config.hidden_act = read_activation(root, names.hidden_act);
  config.layer_norm_eps = number_or(root, "layer_norm_eps", config.layer_norm_eps);
  config.initializer_range = number_or(root, "initializer_range", config.initializer_range);
  return config;
}

Contradiction outside(std::string_view name, std::int64_t value, std::int64_t low,
                      std::int64_t high) {
  if (low <= value && value <= high) return std::nullopt;
  return std::string(name) + ": expected a value from " + std::to_string(low) + " to " +
         std::to_string(high) + ", found " + std::to_string(value);
}

// Tables of BERT's embeddings; XLNet's sinusoids come in pairs.
Contradiction check_tables(const ModelConfig& config) {
  if (config.architecture == Architecture::kXlnet) {
    if (config.hidden_size % 2 == 0) return std::nullopt;
    return "d_model: expected an even number, found " + std::to_string(config.hidden_size);
  }
  if (auto found =
          outside("max_position_embeddings", config.max_position_embeddings, 1, kMaxSize)) {
    return found;
  }
  // The question has type 0, the passage type 1.
  return outside("type_vocab_size", config.type_vocab_size, 2, kMaxSize);
}

Contradiction check_sizes(const ModelConfig& config) {
  const ArchitectureNames& names = names_of(config.architecture);
  const std::array<std::pair<std::string_view, std::int64_t>, 5> sizes{
      {{"vocab_size", config.vocab_size},
       {names.hidden_size, config.hidden_size},
       {names.num_hidden_layers, config.num_hidden_layers},
       {names.num_attention_heads, config.num_attention_heads},
       {names.intermediate_size, config.intermediate_size}}};
  for (const auto& [name, value] : sizes) {
    if (auto found = outside(name, value, 1, kMaxSize)) return found;
  }
  if (auto found = check_tables(config)) return found;
  if (config.hidden_size % config.num_attention_heads != 0) {
    return std::string(names.hidden_size) + ": expected a multiple of " +
           names.num_attention_heads + " (" + std::to_string(config.num_attention_heads) +
           "), found " + std::to_string(config.hidden_size);
  }
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

// BERT's special tokens in a question and in a passage window.
struct SpecialCounts {
  std::int64_t question;
  std::int64_t window;
};
SpecialCounts special_counts(const ModelConfig& config) {
  if (passage_place(config) == PassagePlace::kFirst) return {1, 2};
  return {2, 1};
}

// Rows of the position table that the longest question and window reach, special tokens included.
Contradiction check_positions(const ModelConfig& config) {
  if (config.architecture == Architecture::kXlnet) return std::nullopt;
  const SpecialCounts special = special_counts(config);
  const std::int64_t question = config.split.max_question_tokens + special.question;
  const std::int64_t window = config.split.window_tokens + special.window;
  const bool joint = config.split.layout == Layout::kContinue;
  const std::int64_t needed = joint ? question + window : std::max(question, window);
  if (needed <= config.max_position_embeddings) return std::nullopt;
  return "max_position_embeddings: expected at least " + std::to_string(needed) + " (layout " +
         to_string(config.split.layout) + ", max_question_tokens " +
         std::to_string(config.split.max_question_tokens) + " + " +
         std::to_string(special.question) + ", window_tokens " +
         std::to_string(config.split.window_tokens) + " + " + std::to_string(special.window) +
         "), found " + std::to_string(config.max_position_embeddings);
}

Contradiction check_lengths(const ModelConfig& config) {
  const SplitConfig& split = config.split;
  if (auto found =
          outside("deformer.max_question_tokens", split.max_question_tokens, 1, kMaxSize)) {
    return found;
  }
  if (auto found = outside("deformer.window_tokens", split.window_tokens, 1, kMaxSize)) {
    return found;
  }
  if (config.task != Task::kSpan) return std::nullopt;
  if (auto found = outside("deformer.max_answer_tokens", split.max_answer_tokens, 1, kMaxSize)) {
    return found;
  }
  // A longer step would leave tokens between two windows unread.
  return outside("deformer.window_step", split.window_step, 1, split.window_tokens);
}

Contradiction check_split(const ModelConfig& config) {
  const SplitConfig& split = config.split;
  if (auto found =
          outside("deformer.split_layer", split.split_layer, 0, config.num_hidden_layers - 1)) {
    return found;
  }
  if (!has_layout(config.architecture, split.layout)) {
    return "deformer.layout: expected " + layout_list(config.architecture) + ", found " +
           to_string(split.layout) + " (model_type " + to_string(config.architecture) + ")";
  }
  if (config.architecture == Architecture::kBert && split.layout == Layout::kContinue &&
      split.split_layer > 0) {
    return "deformer.layout: expected restart with split_layer " +
           std::to_string(split.split_layer) +
           ", found continue (a passage's positions would depend on the question)";
  }
  if (auto found = check_lengths(config)) return found;
  return check_positions(config);
}

Contradiction check_task(const ModelConfig& config) {
  const PassagePlace place = reader_place(config.architecture);
  if (config.task == Task::kSpan && passage_place(config) != place) {
    return "deformer.passage_place: expected " + to_string(place) + " for span questions with " +
           to_string(config.architecture) + ", found " + to_string(passage_place(config));
  }
  return find_label_fault(config);
}

void require_none(const Contradiction& contradiction, const std::string& where) {
  if (contradiction) throw Error(ErrorCode::kIncompatible, where + *contradiction);
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
  const std::int64_t positions =
      config.max_position_embeddings > 0 ? config.max_position_embeddings : kMaxSize;
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

std::string to_string(Architecture architecture) {
  return names_of(architecture).model_type;
}

std::string to_string(Activation activation) {
  for (const ActivationName& known : kActivationNames) {
    if (known.activation == activation) return std::string(known.name);
  }
  return "unknown";
}

std::string to_string(Layout layout) {
  for (const LayoutName& known : kLayoutNames) {
    if (known.layout == layout) return std::string(known.name);
  }
  return "unknown";
}

std::string to_string(PassagePlace place) {
  return place == PassagePlace::kFirst ? "first" : "second";
}

PassagePlace passage_place(const ModelConfig& config) {
  if (config.split.passage_place) return *config.split.passage_place;
  if (passage_is_named_first(config.task)) return PassagePlace::kFirst;
  return reader_place(config.architecture);
}

Layout parse_layout(const std::string& name) {
  if (const auto layout = find_layout(name)) return *layout;
  throw Error(ErrorCode::kInvalidArgument,
              "layout: expected restart, continue, packed or slots, found \"" + name + "\"");
}

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
  read_split(root, config);
  require_none(check_task(config), path.string() + ": ");
  require_none(check_split(config), path.string() + ": ");
  return config;
}

void require_vocabulary(const std::filesystem::path& model_dir, const ModelConfig& config,
                        std::int64_t vocabulary) {
  if (vocabulary <= config.vocab_size) return;
  throw Error(ErrorCode::kIncompatible,
              model_dir.string() + ": expected a vocabulary of at most vocab_size " +
                  std::to_string(config.vocab_size) + " tokens (config.json), found " +
                  std::to_string(vocabulary));
}

Layout default_layout(Architecture architecture) {
  return layouts_of(architecture).front();
}

SplitConfig default_split(const ModelConfig& config, Layout layout) {
  const nlohmann::json nothing = nlohmann::json::object();
  ModelConfig filled = config;
  filled.split = {.layout = layout, .passage_place = config.split.passage_place};
  read_lengths(JsonPlace(nothing, ""), published_lengths(config.task), filled);
  return filled.split;
}

void validate(const ModelConfig& config) {
  require_none(check_sizes(config), "");
  require_none(check_task(config), "");
  require_none(check_split(config), "");
}

namespace {

void add_labels(const std::vector<std::string>& labels, nlohmann::ordered_json& root) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    root["id2label"][std::to_string(i)] = labels[i];
    root["label2id"][labels[i]] = i;
  }
}

nlohmann::ordered_json split_to_json(const ModelConfig& config) {
  const SplitConfig& split = config.split;
  nlohmann::ordered_json deformer;
  if (config.task != Task::kSpan) deformer["task"] = to_string(config.task);
  deformer["split_layer"] = split.split_layer;
  deformer["layout"] = to_string(split.layout);
  deformer["max_question_tokens"] = split.max_question_tokens;
  deformer["window_tokens"] = split.window_tokens;
  if (config.task == Task::kSpan) {
    deformer["window_step"] = split.window_step;
    deformer["max_answer_tokens"] = split.max_answer_tokens;
  }
  if (split.passage_place) deformer["passage_place"] = to_string(*split.passage_place);
  return deformer;
}

}  // namespace

std::string config_to_json(const ModelConfig& config) {
  const ArchitectureNames& names = names_of(config.architecture);
  nlohmann::ordered_json root;
  root["architectures"] =
      nlohmann::ordered_json::array({class_name(config.architecture, config.task)});
  root["model_type"] = names.model_type;
  root["vocab_size"] = config.vocab_size;
  root[names.hidden_size] = config.hidden_size;
  root[names.num_hidden_layers] = config.num_hidden_layers;
  root[names.num_attention_heads] = config.num_attention_heads;
  root[names.intermediate_size] = config.intermediate_size;
  root[names.hidden_act] = to_string(config.hidden_act);
  if (config.architecture == Architecture::kBert) {
    root["max_position_embeddings"] = config.max_position_embeddings;
    root["type_vocab_size"] = config.type_vocab_size;
    root["position_embedding_type"] = "absolute";
  } else {
    root["d_head"] = config.head_size();
  }
  root["layer_norm_eps"] = config.layer_norm_eps;
  root["initializer_range"] = config.initializer_range;
  if (!config.labels.empty()) add_labels(config.labels, root);
  root["deformer"] = split_to_json(config);
  return root.dump(2) + "\n";
}

void save_model_config(const ModelConfig& config, const std::filesystem::path& model_dir) {
  validate(config);
  write_file(model_dir / "config.json", config_to_json(config));
}

}  // namespace deformer
