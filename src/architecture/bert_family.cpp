#include "architecture/bert_family.h"

#include "architecture/config.h"
#include "architecture/config_check.h"
#include "base/json.h"

namespace deformer {
namespace {

constexpr std::int64_t kDefaultPositions = 512;  // Hugging Face's BertConfig
constexpr std::string_view kBare[] = {"embeddings.", "encoder.", "pooler."};

}  // namespace

void read_bert_positions(const JsonPlace& root, ModelConfig& config) {
  config.max_position_embeddings = integer_or(root, "max_position_embeddings", kDefaultPositions);
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (root.has(key) && root.at(key).as_bool()) {
      unsupported(root.at(key), "false (an encoder)", "true");
    }
  }
  if (!root.has("pruned_heads")) return;
  const JsonPlace place = root.at("pruned_heads");
  place.require_object();
  if (!place.value().empty()) unsupported(place, "no pruned heads", "some");
}

void read_bert_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_positions(root, config);
  config.type_vocab_size = integer_or(root, "type_vocab_size", config.type_vocab_size);
  refuse_other(root, "position_embedding_type", "absolute");
}

std::vector<ConfigEntry> write_bert_config(const ModelConfig& config) {
  return {{"max_position_embeddings", config.max_position_embeddings},
          {"type_vocab_size", config.type_vocab_size},
          {"position_embedding_type", "absolute"}};
}

std::optional<std::string> check_bert_positions(const ModelConfig& config) {
  return outside("max_position_embeddings", config.max_position_embeddings, 1, kMaxLength);
}

std::optional<std::string> check_bert_sizes(const ModelConfig& config) {
  if (auto found = check_bert_positions(config)) return found;
  // The question has type 0, the passage type 1.
  return outside("type_vocab_size", config.type_vocab_size, 2, kMaxLength);
}

std::string layer_name(const BertNames& names, std::int64_t layer) {
  return names.shares_layers ? names.layers : names.layers + std::to_string(layer);
}

WeightGroup bert_weights(const ModelConfig& config, const BertNames& names, const std::string& root,
                         std::int64_t layers) {
  WeightGroup group{.shapes = {}, .required = true};
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t width = config.embedding_width();
  const std::string embeddings = root + "embeddings.";
  group.add(embeddings + "word_embeddings.weight", {config.vocab_size, width});
  if (names.positions != nullptr) {
    group.add(embeddings + names.positions + ".weight", {config.max_position_embeddings, width});
  }
  if (names.token_types != nullptr) {
    group.add(embeddings + names.token_types + ".weight", {config.type_vocab_size, width});
  }
  if (names.distance_bias != nullptr) {
    group.add(root + names.distance_bias + ".weight",
              {kMpnetDistanceBuckets, config.num_attention_heads});
  }
  group.add_norm(embeddings + "LayerNorm", width);
  if (names.projects_embeddings(width, hidden)) {
    group.add_dense(root + names.embedding_projection, width, hidden);
  }
  for (std::int64_t i = 0; i < (names.shares_layers ? 1 : layers); ++i) {
    const std::string layer = root + layer_name(names, i) + ".";
    for (const char* part : {names.query, names.key, names.value, names.attention_output}) {
      group.add_dense(layer + part, hidden, hidden);
    }
    group.add_norm(layer + names.attention_norm, hidden);
    group.add_dense(layer + names.intermediate, hidden, config.intermediate_size);
    group.add_dense(layer + names.output, config.intermediate_size, hidden);
    group.add_norm(layer + names.output_norm, hidden);
  }
  return group;
}

Architecture bert_family_base() {
  return {.model_type = {},
          .class_prefix = {},
          .span_class_suffix = "ForQuestionAnswering",
          .size_keys = kBertSizeKeys,
          .layouts = kBertLayouts,
          .span_passage_place = PassagePlace::kSecond,
          .read_config = read_bert_config,
          .write_config = write_bert_config,
          .check_sizes = check_bert_sizes,
          .vocabularies = kWordPieceFiles,
          .lower_case = true,
          .make_layout = nullptr,
          .weights = {.root = {},
                      .layers = {},
                      .attention = ".attention.",
                      .embeddings = "embeddings.",
                      .shared = {},
                      .bare = kBare,
                      .unused = {}},
          .class_head = {},
          .choice_head = {},
          .add_weights = nullptr,
          .encoder = "bert",
          .attention_products = 2,
          .published = {}};
}

}  // namespace deformer
