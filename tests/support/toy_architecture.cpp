#include "support/toy_architecture.h"

#include <memory>
#include <string>

#include "architecture/bert_family.h"
#include "model/bert_encoder.h"
#include "model/make_encoder.h"

namespace deformer::test {
namespace {

constexpr BertForm kForm{.model_type = "toy",
                         .class_prefix = "Toy",
                         .root = "toy",
                         .names = {.query = "mix.asks",
                                   .key = "mix.offers",
                                   .value = "mix.gives",
                                   .attention_output = "mix.joins",
                                   .attention_norm = "mix.norm",
                                   .token_types = nullptr,
                                   .distance_bias = nullptr},
                         .frame = {.first_position = 5, .doubles_separator = false}};
constexpr Layout kLayouts[] = {Layout::kRestart};

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  return {{"max_position_embeddings", config.max_position_embeddings}};
}

std::unique_ptr<const Encoder> make_toy_encoder(const Architecture& architecture,
                                                const ModelConfig& config,
                                                const WeightScope& scope) {
  return std::make_unique<const BertEncoder>(config, *architecture.names, scope);
}

Architecture make_record() {
  Architecture toy = bert_family_record<kForm>();
  toy.span_class_suffix = "ForReading";
  toy.size_keys = {.hidden_size = "width",
                   .num_hidden_layers = "depth",
                   .num_attention_heads = "heads",
                   .intermediate_size = "inner",
                   .hidden_act = "act"};
  toy.encoder = "toy";
  toy.layouts = kLayouts;
  toy.read_config = read_bert_positions;
  toy.write_config = write_config;
  toy.check_sizes = check_bert_positions;
  toy.weights.attention = ".mix.";
  toy.weights.bare = {};
  toy.class_head = {"toy_pooler", "toy_classes"};
  toy.choice_head = {"toy_pooler", "toy_classes"};
  return toy;
}

}  // namespace

const Architecture& toy_architecture() {
  static const Architecture record = make_record();
  return record;
}

void register_toy() {
  static const bool once = [] {
    register_architecture(toy_architecture());
    register_encoder("toy", make_toy_encoder);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace deformer::test
