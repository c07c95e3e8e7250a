#include "architecture/records.h"

#include "architecture/bert_family.h"
#include "architecture/config.h"
#include "architecture/config_check.h"
#include "base/json.h"

namespace deformer {
namespace {

constexpr BertForm kForm{.model_type = "mpnet",
                         .class_prefix = "MPNet",
                         .root = "mpnet",
                         .names = {.query = "attention.attn.q",
                                   .key = "attention.attn.k",
                                   .value = "attention.attn.v",
                                   .attention_output = "attention.attn.o",
                                   .attention_norm = "attention.LayerNorm",
                                   .token_types = nullptr,
                                   .distance_bias = "encoder.relative_attention_bias"},
                         .frame = kMpnetFrame};

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

std::string describe(const ModelConfig& config) {
  return describe_position_table(config) +
         "; and a score for each of 32 buckets of distances, the same in all layers";
}

constexpr std::string_view kShared[] = {"encoder.relative_attention_bias."};
constexpr std::string_view kUnused[] = {"mpnet.embeddings.position_ids", "mpnet.pooler.",
                                        "lm_head."};
constexpr PublishedSizes kPublished[] = {{.name = "mpnet-base",
                                          .layers = 12,
                                          .hidden = 768,
                                          .heads = 12,
                                          .inner = 3072,
                                          .split_layer = 9,
                                          .vocabulary = 30527,
                                          .positions = 514,
                                          .layer_norm_eps = 1e-5}};

Architecture make_record() {
  Architecture mpnet = bert_family_record<kForm>();
  mpnet.read_config = read_config;
  mpnet.write_config = write_config;
  mpnet.check_sizes = check_bert_positions;
  mpnet.weights.shared = kShared;
  mpnet.weights.unused = kUnused;
  mpnet.class_head = {"classifier.dense", "classifier.out_proj"};
  mpnet.choice_head = {"mpnet.pooler.dense", "classifier"};
  mpnet.describe_positions = describe;
  mpnet.published = kPublished;
  return mpnet;
}

}  // namespace

const Architecture& mpnet_architecture() {
  static const Architecture record = make_record();
  return record;
}

}  // namespace deformer
