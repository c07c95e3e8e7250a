#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "architecture/config.h"
#include "architecture/config_names.h"
#include "base/file.h"

namespace deformer {
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
  const bool span = config.task == TaskKind::kSpan;
  if (!span) deformer["task"] = to_string(config.task);
  deformer["split_layer"] = split.split_layer;
  deformer["layout"] = to_string(split.layout);
  deformer["max_question_tokens"] = split.max_question_tokens;
  deformer["window_tokens"] = split.window_tokens;
  if (span) {
    deformer["window_step"] = split.window_step;
    deformer["max_answer_tokens"] = split.max_answer_tokens;
  }
  if (!span || split.passage_place) deformer["passage_place"] = to_string(passage_place(config));
  return deformer;
}

nlohmann::ordered_json to_json(const ModelConfig& config) {
  const Architecture& architecture = architecture_of(config);
  const SizeKeys& names = architecture.size_keys;
  nlohmann::ordered_json root;
  root["architectures"] = nlohmann::ordered_json::array({class_name(architecture, config.task)});
  root["model_type"] = architecture.model_type;
  root["vocab_size"] = config.vocab_size;
  root[names.hidden_size] = config.hidden_size;
  root[names.num_hidden_layers] = config.num_hidden_layers;
  root[names.num_attention_heads] = config.num_attention_heads;
  root[names.intermediate_size] = config.intermediate_size;
  root[names.hidden_act] = to_string(config.hidden_act);
  for (const auto& [key, value] : architecture.write_config(config)) {
    std::visit([&, name = key](const auto& each) { root[name] = each; }, value);
  }
  root["layer_norm_eps"] = config.layer_norm_eps;
  root["initializer_range"] = config.initializer_range;
  if (!config.labels.empty()) add_labels(config.labels, root);
  root["deformer"] = split_to_json(config);
  return root;
}

std::string to_text(const nlohmann::ordered_json& root) {
  return root.dump(2) + "\n";
}

}  // namespace

std::string config_to_json(const ModelConfig& config) {
  return to_text(to_json(config));
}

void save_model_config(const ModelConfig& config, const std::filesystem::path& model_dir,
                       const std::string& tokenizer_class) {
  validate(config);
  nlohmann::ordered_json root = to_json(config);
  if (!tokenizer_class.empty()) root["tokenizer_class"] = tokenizer_class;
  write_file(model_dir / "config.json", to_text(root));
}

}  // namespace deformer
