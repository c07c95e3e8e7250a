#include "support/toy_architecture.h"

#include <memory>
#include <string>

#include "model/bert/bert.h"
#include "model/bert/bert_architecture.h"
#include "model/bert/bert_layout.h"

namespace deformer::test {
namespace {

constexpr BertNames kNames{.query = "mix.asks",
                           .key = "mix.offers",
                           .value = "mix.gives",
                           .attention_output = "mix.joins",
                           .attention_norm = "mix.norm",
                           .token_types = nullptr,
                           .distance_bias = nullptr};
constexpr BertFrame kFrame{.first_position = 5, .doubles_separator = false};
constexpr Layout kLayouts[] = {Layout::kRestart};

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  return {{"max_position_embeddings", config.max_position_embeddings}};
}

std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                            special_tokens, kFrame);
}

void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                 std::vector<WeightGroup>& groups) {
  groups.push_back(bert_weights(config, kNames, "toy.", layers));
}

std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config, const WeightScope& scope) {
  return std::make_unique<const BertEncoder>(config, kNames, scope);
}

}  // namespace

const Architecture& toy_architecture() {
  static const Architecture record{.model_type = "toy",
                                   .class_prefix = "Toy",
                                   .reader_class_suffix = "ForReading",
                                   .size_keys = {.hidden_size = "width",
                                                 .num_hidden_layers = "depth",
                                                 .num_attention_heads = "heads",
                                                 .intermediate_size = "inner",
                                                 .hidden_act = "act"},
                                   .layouts = kLayouts,
                                   .reader_place = PassagePlace::kSecond,
                                   .read_config = read_bert_positions,
                                   .write_config = write_config,
                                   .check_sizes = check_bert_positions,
                                   .vocabularies = kWordPieceFiles,
                                   .lower_case = true,
                                   .make_layout = make_layout,
                                   .weights = {.root = "toy",
                                               .layers = "encoder.layer.",
                                               .attention = ".mix.",
                                               .embeddings = "embeddings.",
                                               .shared = "",
                                               .bare = {},
                                               .unused = {}},
                                   .class_head = {"toy_pooler", "toy_classes"},
                                   .choice_head = {"toy_pooler", "toy_classes"},
                                   .add_weights = add_weights,
                                   .make_encoder = make_encoder,
                                   .attention_products = 2,
                                   .published = {}};
  return record;
}

void register_toy() {
  static const bool once = [] {
    register_architecture(toy_architecture());
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace deformer::test
