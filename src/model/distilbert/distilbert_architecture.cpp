#include "model/distilbert/distilbert_architecture.h"

#include "base/json.h"
#include "model/bert/bert_architecture.h"
#include "model/bert/bert_layout.h"
#include "model/bert/make_bert.h"

namespace deformer {
namespace {

// Hugging Face's code has it as a number of its own, whatever the file says.
constexpr double kLayerNormEps = 1e-12;

void read_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_positions(root, config);
  config.layer_norm_eps = kLayerNormEps;
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  return {{"max_position_embeddings", config.max_position_embeddings}};
}

std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                            special_tokens);
}

void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                 std::vector<WeightGroup>& groups) {
  groups.push_back(bert_weights(config, kDistilBertNames, "distilbert.", layers));
}

constexpr std::string_view kBare[] = {"embeddings.", "transformer."};
constexpr std::string_view kUnused[] = {"distilbert.embeddings.position_ids", "vocab_transform.",
                                        "vocab_layer_norm.", "vocab_projector."};
constexpr PublishedSizes kPublished[] = {{"distilbert-base", 6, 768, 12, 3072, 4, 30522, 512}};

}  // namespace

const Architecture& distilbert_architecture() {
  static const Architecture record{
      .model_type = "distilbert",
      .class_prefix = "DistilBert",
      .reader_class_suffix = "ForQuestionAnswering",
      .size_keys = {.hidden_size = "dim",
                    .num_hidden_layers = "n_layers",
                    .num_attention_heads = "n_heads",
                    .intermediate_size = "hidden_dim",
                    .hidden_act = "activation"},
      .layouts = kBertLayouts,
      .reader_place = PassagePlace::kSecond,
      .read_config = read_config,
      .write_config = write_config,
      .check_sizes = check_bert_positions,
      .vocabularies = kWordPieceFiles,
      .lower_case = true,
      .make_layout = make_layout,
      .weights = {.root = "distilbert",
                  .layers = "transformer.layer.",
                  .attention = ".attention.",
                  .embeddings = "embeddings.",
                  .shared = "",
                  .bare = kBare,
                  .unused = kUnused},
      .class_head = {"pre_classifier", "classifier", PoolerActivation::kRelu},
      .choice_head = {"pre_classifier", "classifier", PoolerActivation::kRelu},
      .add_weights = add_weights,
      .make_encoder = make_distilbert_encoder,
      .attention_products = 2,
      .published = kPublished};
  return record;
}

}  // namespace deformer
