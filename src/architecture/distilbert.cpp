#include "architecture/records.h"

#include <nlohmann/json.hpp>

#include "architecture/bert_family.h"
#include "base/json.h"

namespace deformer {
namespace {

constexpr BertForm kForm{.model_type = "distilbert",
                         .class_prefix = "DistilBert",
                         .root = "distilbert",
                         .names = {.query = "attention.q_lin",
                                   .key = "attention.k_lin",
                                   .value = "attention.v_lin",
                                   .attention_output = "attention.out_lin",
                                   .attention_norm = "sa_layer_norm",
                                   .intermediate = "ffn.lin1",
                                   .output = "ffn.lin2",
                                   .output_norm = "output_layer_norm",
                                   .layers = "transformer.layer.",
                                   .token_types = nullptr,
                                   .drops_attention_output = false}};

// Hugging Face's code has it as a number of its own, whatever the file says.
constexpr double kLayerNormEps = 1e-12;

void read_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_positions(root, config);
  config.layer_norm_eps = kLayerNormEps;
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  return {{"max_position_embeddings", config.max_position_embeddings}};
}

std::optional<std::string> check_own_sizes(const ModelConfig& config) {
  if (auto found = check_bert_positions(config)) return found;
  if (config.layer_norm_eps == kLayerNormEps) return std::nullopt;
  return "layer_norm_eps: expected " + nlohmann::json(kLayerNormEps).dump() +
         " with model_type distilbert, found " + nlohmann::json(config.layer_norm_eps).dump();
}

constexpr std::string_view kBare[] = {"embeddings.", "transformer."};
constexpr std::string_view kUnused[] = {"distilbert.embeddings.position_ids", "vocab_transform.",
                                        "vocab_layer_norm.", "vocab_projector."};
constexpr PublishedSizes kPublished[] = {{"distilbert-base", 6, 768, 12, 3072, 4, 30522, 512}};

Architecture make_record() {
  Architecture distilbert = bert_family_record<kForm>();
  distilbert.size_keys = {.hidden_size = "dim",
                          .num_hidden_layers = "n_layers",
                          .num_attention_heads = "n_heads",
                          .intermediate_size = "hidden_dim",
                          .hidden_act = "activation"};
  distilbert.read_config = read_config;
  distilbert.write_config = write_config;
  distilbert.check_sizes = check_own_sizes;
  distilbert.weights.bare = kBare;
  distilbert.weights.unused = kUnused;
  distilbert.class_head = {"pre_classifier", "classifier", PoolerActivation::kRelu};
  distilbert.choice_head = distilbert.class_head;
  distilbert.published = kPublished;
  return distilbert;
}

}  // namespace

const Architecture& distilbert_architecture() {
  static const Architecture record = make_record();
  return record;
}

}  // namespace deformer
