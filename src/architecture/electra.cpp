#include "architecture/records.h"

#include "architecture/bert_family.h"
#include "architecture/config.h"
#include "base/json.h"

namespace deformer {
namespace {

constexpr BertForm kForm{.model_type = "electra",
                         .class_prefix = "Electra",
                         .root = "electra",
                         .names = {.embedding_projection = "embeddings_project"}};

constexpr std::int64_t kDefaultWidth = 128;  // Hugging Face's ElectraConfig

void read_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_config(root, config);
  config.embedding_size = integer_or(root, "embedding_size", kDefaultWidth);
  if (config.task != TaskKind::kChoice) return;
  refuse_other(root, "summary_type", "first");
  refuse_other(root, "summary_activation", "gelu");
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  std::vector<ConfigEntry> entries = write_bert_config(config);
  entries.emplace_back("embedding_size", config.embedding_width());
  return entries;
}

constexpr std::string_view kBare[] = {"embeddings.", "embeddings_project.", "encoder."};
constexpr std::string_view kUnused[] = {"electra.embeddings.position_ids",
                                        "electra.embeddings.token_type_ids",
                                        "discriminator_predictions.", "generator_"};
constexpr PublishedSizes kPublished[] = {{"electra-small", 12, 256, 4, 1024, 9, 30522, 512, 128},
                                         {"electra-base", 12, 768, 12, 3072, 9, 30522, 512, 768}};

Architecture make_record() {
  Architecture electra = bert_family_record<kForm>();
  electra.read_config = read_config;
  electra.write_config = write_config;
  electra.weights.embeddings = "embeddings";  // and embeddings_project
  electra.weights.bare = kBare;
  electra.weights.unused = kUnused;
  electra.class_head = {"classifier.dense", "classifier.out_proj", PoolerActivation::kGelu};
  electra.choice_head = {"sequence_summary.summary", "classifier", PoolerActivation::kGelu};
  electra.published = kPublished;
  return electra;
}

}  // namespace

const Architecture& electra_architecture() {
  static const Architecture record = make_record();
  return record;
}

}  // namespace deformer
