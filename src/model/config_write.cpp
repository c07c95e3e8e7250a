#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/config_names.h"

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
  } else if (config.architecture == Architecture::kXlnet) {
    root["d_head"] = config.head_size();
  } else {
    root["max_position_embeddings"] = config.max_position_embeddings;
    root[kMpnetBucketsKey] = kMpnetDistanceBuckets;
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
