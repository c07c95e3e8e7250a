#include "architecture/records.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "architecture/bert_family.h"
#include "architecture/config.h"
#include "architecture/config_check.h"
#include "architecture/deberta_names.h"
#include "base/json.h"
#include "base/quote.h"

namespace deformer {
namespace {

constexpr std::int64_t kDefaultPositions = 512;  // Hugging Face's DebertaV2Config
constexpr double kDefaultEps = 1e-7;
// What the ends of buckets can be found for in no time; published models have 256 and 512.
constexpr std::int64_t kMaxBuckets = 1024;
constexpr std::int64_t kMaxLongest = 4096;
constexpr std::int64_t kMaxConvolution = 255;  // published models have 3

// A switch whose absence stands for `fallback`.
void require_switch(const JsonPlace& root, const char* key, bool fallback, bool expected) {
  const bool found = root.has(key) ? root.at(key).as_bool() : fallback;
  if (found == expected) return;
  const char* const names[] = {"false", "true"};
  unsupported(root.has(key) ? root.at(key) : root, std::string(key) + " " + names[expected],
              names[found]);
}

void require_integer(const JsonPlace& root, const char* key, std::int64_t expected) {
  const std::int64_t found = integer_or(root, key, expected);
  if (found == expected) return;
  unsupported(root.at(key), std::to_string(expected), std::to_string(found));
}

// "p2c|c2p", or a list of both.
void check_attention_types(const JsonPlace& root) {
  const JsonPlace place = root.at("pos_att_type");
  std::string types;
  if (place.value().is_array()) {
    for (std::size_t i = 0; i < place.size(); ++i) {
      types += (i == 0 ? "" : "|") + place.at(i).as_string();
    }
  } else {
    types = place.as_string();
  }
  if (types != "p2c|c2p" && types != "c2p|p2c") unsupported(place, "p2c|c2p", in_quotes(types));
}

bool reads_norm(const JsonPlace& root) {
  if (!root.has("norm_rel_ebd")) return false;
  const JsonPlace place = root.at("norm_rel_ebd");
  const std::string& name = place.as_string();
  if (name != "layer_norm" && name != "none") {
    unsupported(place, "layer_norm or none", in_quotes(name));
  }
  return name == "layer_norm";
}

std::int64_t read_convolution(const JsonPlace& root) {
  const std::int64_t rows = integer_or(root, "conv_kernel_size", 0);
  if (rows <= 0) return 0;
  if (!root.has("conv_act")) unsupported(root, "conv_act gelu", "none, which stands for tanh");
  refuse_other(root, "conv_act", "gelu");
  require_integer(root, "conv_groups", 1);
  return rows;
}

void read_config(const JsonPlace& root, ModelConfig& config) {
  config.max_position_embeddings = 0;
  config.type_vocab_size = 0;
  if (!root.has("layer_norm_eps")) config.layer_norm_eps = kDefaultEps;
  require_switch(root, "relative_attention", false, true);
  require_switch(root, "position_biased_input", true, false);
  require_integer(root, "type_vocab_size", 0);
  require_integer(root, "embedding_size", config.hidden_size);
  require_integer(root, "attention_head_size", config.head_size());
  check_attention_types(root);
  DistanceConfig& distances = config.distances;
  distances.longest = integer_or(root, "max_relative_positions", -1);
  if (distances.longest < 1) {
    distances.longest = integer_or(root, "max_position_embeddings", kDefaultPositions);
  }
  distances.buckets = std::max<std::int64_t>(0, integer_or(root, "position_buckets", -1));
  distances.shares_projections = root.has("share_att_key") && root.at("share_att_key").as_bool();
  distances.normalised = reads_norm(root);
  distances.convolution_rows = read_convolution(root);
  if (config.task == TaskKind::kSpan) return;
  refuse_other(root, "pooler_hidden_act", "gelu");
  require_integer(root, "pooler_hidden_size", config.hidden_size);
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  const DistanceConfig& distances = config.distances;
  const std::string norm = distances.normalised ? "layer_norm" : "none";
  std::vector<ConfigEntry> entries{
      {"relative_attention", true},
      {"position_biased_input", false},
      {"pos_att_type", "p2c|c2p"},
      {"type_vocab_size", std::int64_t{0}},
      {"max_position_embeddings", distances.longest},
      {"max_relative_positions", std::int64_t{-1}},
      {"position_buckets", distances.buckets > 0 ? distances.buckets : std::int64_t{-1}},
      {"share_att_key", distances.shares_projections},
      {"norm_rel_ebd", norm},
      {"pooler_hidden_act", "gelu"},
      {"pooler_hidden_size", config.hidden_size}};
  if (distances.convolution_rows > 0) {
    entries.emplace_back("conv_kernel_size", distances.convolution_rows);
    entries.emplace_back("conv_act", "gelu");
  }
  return entries;
}

std::optional<std::string> check_own_sizes(const ModelConfig& config) {
  const DistanceConfig& distances = config.distances;
  if (auto found = outside("max_relative_positions", distances.longest, 1, kMaxLongest)) {
    return found;
  }
  const std::int64_t rows = distances.convolution_rows;
  if (auto found = outside("conv_kernel_size", rows, 0, kMaxConvolution)) return found;
  // Else there is no row in its middle.
  if (rows > 0 && rows % 2 == 0) {
    return "conv_kernel_size: expected an odd number, found " + std::to_string(rows);
  }
  if (distances.buckets == 0) return std::nullopt;
  // At least two beyond the near half, and a distance for them.
  if (auto found = outside("position_buckets", distances.buckets, 4, kMaxBuckets)) return found;
  return outside("max_relative_positions", distances.longest, distances.buckets / 2 + 2,
                 kMaxLongest);
}

// Each segment counts from 0 whatever the layout: only distances matter, inside a segment below the
// split and over the joined rows above it.
std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const BertLayout>(passage_place(config), Layout::kRestart,
                                            special_tokens);
}

void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                 std::vector<WeightGroup>& groups) {
  const DistanceConfig& distances = config.distances;
  const std::int64_t hidden = config.hidden_size;
  const std::string encoder = "deberta.encoder.";
  WeightGroup group = bert_weights(config, kDebertaNames, "deberta.", layers);
  group.add(encoder + "rel_embeddings.weight", {distances.table_rows(), hidden});
  if (distances.normalised) group.add_norm(encoder + "LayerNorm", hidden);
  if (distances.convolution_rows > 0) {
    group.add(encoder + "conv.conv.weight", {hidden, hidden, distances.convolution_rows});
    group.add(encoder + "conv.conv.bias", {hidden});
    group.add_norm(encoder + "conv.LayerNorm", hidden);
  }
  for (std::int64_t i = 0; i < layers && !distances.shares_projections; ++i) {
    const std::string layer = "deberta." + layer_name(kDebertaNames, i) + ".";
    group.add_dense(layer + kDebertaPositionQuery, hidden, hidden);
    group.add_dense(layer + kDebertaPositionKey, hidden, hidden);
  }
  groups.push_back(std::move(group));
}

std::string describe(const ModelConfig& config) {
  const DistanceConfig& distances = config.distances;
  const std::string longest = std::to_string(distances.longest);
  std::string text = "relative, of contents and distances apart; ";
  text += distances.buckets > 0 ? std::to_string(distances.buckets) +
                                      " buckets a side, the last from distance " + longest + " on"
                                : "a row for every distance below " + longest;
  if (distances.convolution_rows > 0) {
    text += "; a convolution over " + std::to_string(distances.convolution_rows) +
            " rows beside the first layer";
  }
  return text;
}

constexpr std::string_view kShared[] = {"encoder.rel_embeddings.", "encoder.LayerNorm.",
                                        "encoder.conv."};
constexpr std::string_view kBare[] = {"embeddings.", "encoder."};
constexpr std::string_view kUnused[] = {"deberta.embeddings.position_ids",
                                        "deberta.embeddings.position_embeddings.",
                                        "lm_predictions.",
                                        "mask_predictions.",
                                        "cls.",
                                        "pooler."};
constexpr VocabularyFile kVocabularies[] = {{"spm.model", "spm.model"},
                                            {"tokenizer.json", "tokenizer.json"}};
constexpr DistanceConfig kV3{.longest = 512, .buckets = 256};
constexpr PublishedSizes published(std::string_view name, std::int64_t layers, std::int64_t hidden,
                                   int split_layer) {
  return {.name = name,
          .layers = layers,
          .hidden = hidden,
          .heads = hidden / 64,
          .inner = 4 * hidden,
          .split_layer = split_layer,
          .vocabulary = 128100,
          .positions = 0,
          .distances = kV3,
          .token_types = 0,
          .layer_norm_eps = kDefaultEps};
}
constexpr PublishedSizes kPublished[] = {published("deberta-v3-small", 6, 768, 4),
                                         published("deberta-v3-base", 12, 768, 9),
                                         published("deberta-v3-large", 24, 1024, 20)};

Architecture make_record() {
  Architecture deberta = bert_family_base();
  deberta.model_type = "deberta-v2";
  deberta.class_prefix = "DebertaV2";
  deberta.read_config = read_config;
  deberta.write_config = write_config;
  deberta.check_sizes = check_own_sizes;
  deberta.vocabularies = kVocabularies;
  deberta.lower_case = false;
  deberta.make_layout = make_layout;
  deberta.weights.root = "deberta";
  deberta.weights.layers = kDebertaNames.layers;
  deberta.weights.shared = kShared;
  deberta.weights.bare = kBare;
  deberta.weights.unused = kUnused;
  deberta.class_head = {"pooler.dense", "classifier", PoolerActivation::kGelu};
  deberta.choice_head = deberta.class_head;
  deberta.add_weights = add_weights;
  deberta.encoder = "deberta";
  deberta.describe_positions = describe;
  deberta.attention_products = 4;
  deberta.published = kPublished;
  return deberta;
}

}  // namespace

const Architecture& deberta_architecture() {
  static const Architecture record = make_record();
  return record;
}

}  // namespace deformer
