#include "model/mpnet/mpnet_architecture.h"

#include "base/json.h"
#include "model/bert/bert_architecture.h"
#include "model/bert/bert_layout.h"
#include "model/bert/make_bert.h"
#include "model/config.h"
#include "model/config_check.h"

namespace deformer {
namespace {

constexpr const char* kBucketsKey = "relative_attention_num_buckets";

void read_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_positions(root, config);
  // Hugging Face's code counts 32 buckets whatever the file says.
  const std::int64_t buckets = integer_or(root, kBucketsKey, kMpnetDistanceBuckets);
  if (buckets == kMpnetDistanceBuckets) return;
  unsupported(root.at(kBucketsKey), std::to_string(kMpnetDistanceBuckets), std::to_string(buckets));
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  return {{"max_position_embeddings", config.max_position_embeddings},
          {kBucketsKey, kMpnetDistanceBuckets}};
}

std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                            special_tokens, kMpnetFrame);
}

void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                 std::vector<WeightGroup>& groups) {
  groups.push_back(bert_weights(config, kMpnetNames, "mpnet.", layers));
}

constexpr std::string_view kBare[] = {"embeddings.", "encoder.", "pooler."};
constexpr std::string_view kUnused[] = {"mpnet.embeddings.position_ids", "mpnet.pooler.",
                                        "lm_head."};
constexpr PublishedSizes kPublished[] = {{"mpnet-base", 12, 768, 12, 3072, 9, 30527, 514}};

}  // namespace

const Architecture& mpnet_architecture() {
  static const Architecture record{.model_type = "mpnet",
                                   .class_prefix = "MPNet",
                                   .reader_class_suffix = "ForQuestionAnswering",
                                   .size_keys = kBertSizeKeys,
                                   .layouts = kBertLayouts,
                                   .reader_place = PassagePlace::kSecond,
                                   .read_config = read_config,
                                   .write_config = write_config,
                                   .check_sizes = check_bert_positions,
                                   .vocabularies = kWordPieceFiles,
                                   .lower_case = true,
                                   .make_layout = make_layout,
                                   .weights = {.root = "mpnet",
                                               .layers = "encoder.layer.",
                                               .attention = ".attention.",
                                               .embeddings = "embeddings.",
                                               .shared = "encoder.relative_attention_bias.",
                                               .bare = kBare,
                                               .unused = kUnused},
                                   .class_head = {"classifier.dense", "classifier.out_proj"},
                                   .choice_head = {"mpnet.pooler.dense", "classifier"},
                                   .add_weights = add_weights,
                                   .make_encoder = make_mpnet_encoder,
                                   .attention_products = 2,
                                   .published = kPublished};
  return record;
}

}  // namespace deformer
