#include "model/electra/electra_architecture.h"

#include "base/json.h"
#include "model/bert/bert_architecture.h"
#include "model/bert/bert_layout.h"
#include "model/bert/make_bert.h"
#include "model/config.h"
#include "model/config_check.h"

namespace deformer {
namespace {

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

std::optional<std::string> check_own_sizes(const ModelConfig& config) {
  if (auto found = check_bert_sizes(config)) return found;
  return outside("embedding_size", config.embedding_width(), 1, kMaxSize);
}

std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                            special_tokens);
}

void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                 std::vector<WeightGroup>& groups) {
  groups.push_back(bert_weights(config, kElectraNames, "electra.", layers));
}

constexpr std::string_view kBare[] = {"embeddings.", "embeddings_project.", "encoder."};
constexpr std::string_view kUnused[] = {"electra.embeddings.position_ids",
                                        "electra.embeddings.token_type_ids",
                                        "discriminator_predictions.", "generator_"};
constexpr PublishedSizes kPublished[] = {{"electra-small", 12, 256, 4, 1024, 9, 30522, 512, 128},
                                         {"electra-base", 12, 768, 12, 3072, 9, 30522, 512, 768}};

}  // namespace

const Architecture& electra_architecture() {
  static const Architecture record{
      .model_type = "electra",
      .class_prefix = "Electra",
      .reader_class_suffix = "ForQuestionAnswering",
      .size_keys = kBertSizeKeys,
      .layouts = kBertLayouts,
      .reader_place = PassagePlace::kSecond,
      .read_config = read_config,
      .write_config = write_config,
      .check_sizes = check_own_sizes,
      .vocabularies = kWordPieceFiles,
      .lower_case = true,
      .make_layout = make_layout,
      .weights = {.root = "electra",
                  .layers = "encoder.layer.",
                  .attention = ".attention.",
                  .embeddings = "embeddings",  // and embeddings_project
                  .shared = "",
                  .bare = kBare,
                  .unused = kUnused},
      .class_head = {"classifier.dense", "classifier.out_proj", PoolerActivation::kGelu},
      .choice_head = {"sequence_summary.summary", "classifier", PoolerActivation::kGelu},
      .add_weights = add_weights,
      .make_encoder = make_electra_encoder,
      .attention_products = 2,
      .published = kPublished};
  return record;
}

}  // namespace deformer
