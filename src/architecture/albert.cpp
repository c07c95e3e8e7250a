#include "architecture/records.h"

#include "architecture/bert_family.h"
#include "architecture/config.h"
#include "base/json.h"

namespace deformer {
namespace {

// No dropout after the feed-forward layer: Hugging Face's AlbertLayer has one and does not call it.
constexpr BertForm kForm{.model_type = "albert",
                         .class_prefix = "Albert",
                         .root = "albert",
                         .names = {.query = "attention.query",
                                   .key = "attention.key",
                                   .value = "attention.value",
                                   .attention_output = "attention.dense",
                                   .attention_norm = "attention.LayerNorm",
                                   .intermediate = "ffn",
                                   .output = "ffn_output",
                                   .output_norm = "full_layer_layer_norm",
                                   .layers = "encoder.albert_layer_groups.0.albert_layers.0",
                                   .shares_layers = true,
                                   .embedding_projection = "encoder.embedding_hidden_mapping_in",
                                   .always_projects = true,
                                   .drops_output = false}};

constexpr std::int64_t kDefaultWidth = 128;  // Hugging Face's AlbertConfig

void read_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_config(root, config);
  config.embedding_size = integer_or(root, "embedding_size", kDefaultWidth);
  if (!root.has("hidden_act")) config.hidden_act = Activation::kGeluTanh;
  // Several would be layers with weights of their own; no published model has them.
  for (const char* key : {"num_hidden_groups", "inner_group_num"}) {
    const std::int64_t count = integer_or(root, key, 1);
    if (count != 1) unsupported(root.at(key), "1", std::to_string(count));
  }
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  std::vector<ConfigEntry> entries = write_bert_config(config);
  entries.emplace_back("embedding_size", config.embedding_width());
  entries.emplace_back("num_hidden_groups", std::int64_t{1});
  entries.emplace_back("inner_group_num", std::int64_t{1});
  return entries;
}

constexpr std::string_view kShared[] = {"encoder."};
constexpr std::string_view kUnused[] = {"albert.embeddings.position_ids",
                                        "albert.embeddings.token_type_ids", "albert.pooler.",
                                        "predictions.", "sop_classifier."};
constexpr VocabularyFile kVocabularies[] = {{"spiece.model", "spiece.model"},
                                            {"tokenizer.json", "tokenizer.json"}};
constexpr PublishedSizes kPublished[] = {
    {"albert-base-v2", 12, 768, 12, 3072, 9, 30000, 512, 128, Activation::kGeluTanh}};

Architecture make_record() {
  Architecture albert = bert_family_record<kForm>();
  albert.read_config = read_config;
  albert.write_config = write_config;
  albert.vocabularies = kVocabularies;
  albert.weights.shared = kShared;
  albert.weights.unused = kUnused;
  albert.class_head = {"albert.pooler", "classifier"};
  albert.choice_head = {"albert.pooler", "classifier"};
  albert.published = kPublished;
  return albert;
}

}  // namespace

const Architecture& albert_architecture() {
  static const Architecture record = make_record();
  return record;
}

}  // namespace deformer
