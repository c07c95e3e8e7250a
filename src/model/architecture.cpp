#include "model/architecture.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/check.h"
#include "model/bert.h"
#include "model/bert_layout.h"
#include "model/segment_layout.h"
#include "model/xlnet.h"
#include "model/xlnet_layout.h"

namespace deformer {
namespace {

// Where an architecture keeps its weights.
struct WeightNames {
  std::string_view root;        // of the encoder
  std::string_view layers;      // prefix of the layers' numbers
  std::string_view attention;   // prefix of a layer's attention, after its number
  std::string_view embeddings;  // prefix of the embeddings
  std::string_view shared;      // prefix of what all layers share; empty: nothing
};

WeightNames weight_names(Architecture architecture) {
  switch (architecture) {
    case Architecture::kBert:
      return {"bert", "bert.encoder.layer.", ".attention.", "bert.embeddings.", ""};
    case Architecture::kXlnet:
      return {"transformer", "transformer.layer.", ".rel_attn.", "transformer.word_embedding.",
              "transformer.r_"};
    case Architecture::kMpnet:
      return {"mpnet", "mpnet.encoder.layer.", ".attention.", "mpnet.embeddings.",
              "mpnet.encoder.relative_attention_bias."};
  }
  DEFORMER_CHECK(false);
  return {};
}

// A layer's number and what of a weight's name follows it.
struct LayerWeight {
  int layer = 0;
  std::string_view rest;
};

// Nothing for a weight of no layer.
std::optional<LayerWeight> find_layer(const WeightNames& names, std::string_view name) {
  if (!name.starts_with(names.layers)) return std::nullopt;
  name.remove_prefix(names.layers.size());
  LayerWeight found;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), found.layer);
  if (parsed.ec != std::errc()) return std::nullopt;
  found.rest = name.substr(static_cast<std::size_t>(parsed.ptr - name.data()));
  return found;
}

}  // namespace

std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config, WeightLoader& weights) {
  const WeightScope scope(weights, std::string(weight_names(config.architecture).root));
  switch (config.architecture) {
    case Architecture::kBert:
      return std::make_unique<const BertEncoder>(config, kBertNames, scope);
    case Architecture::kXlnet:
      return std::make_unique<const XlnetEncoder>(config, scope);
    case Architecture::kMpnet:
      return std::make_unique<const BertEncoder>(config, kMpnetNames, scope);
  }
  DEFORMER_CHECK(false);
  return nullptr;
}

std::unique_ptr<const SegmentLayout> make_segment_layout(const ModelConfig& config,
                                                         const SpecialTokens& special_tokens) {
  switch (config.architecture) {
    case Architecture::kBert:
      return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                                special_tokens);
    case Architecture::kXlnet:
      return std::make_unique<const XlnetLayout>(passage_place(config), special_tokens);
    case Architecture::kMpnet:
      return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                                special_tokens, kMpnetFrame);
  }
  DEFORMER_CHECK(false);
  return nullptr;
}

PooledHeadNames pooled_head_names(Architecture architecture, Task task) {
  switch (architecture) {
    case Architecture::kBert:
      return {"bert.pooler.dense", "classifier"};
    case Architecture::kXlnet:
      return {"sequence_summary.summary", "logits_proj"};
    case Architecture::kMpnet:
      if (task == Task::kRace) return {"mpnet.pooler.dense", "classifier"};
      return {"classifier.dense", "classifier.out_proj"};
  }
  DEFORMER_CHECK(false);
  return {};
}

std::unique_ptr<const PooledHead> load_pooled_head(const ModelConfig& config,
                                                   WeightLoader& weights) {
  PooledHeadNames names = pooled_head_names(config.architecture, config.task);
  const Shape shape = weights.shape(names.output + ".weight");
  if (shape.empty()) return nullptr;
  // A reader may carry one half of another task's head; it is not asked for.
  if (config.task == Task::kSpan && weights.shape(names.pooler + ".weight").empty()) return nullptr;
  return std::make_unique<const PooledHead>(config.hidden_size, shape.front(), std::move(names),
                                            weights);
}

int attention_products(Architecture architecture) {
  switch (architecture) {
    case Architecture::kBert:
    case Architecture::kMpnet:
      return 2;
    case Architecture::kXlnet:
      return 3;
  }
  DEFORMER_CHECK(false);
  return 0;
}

bool is_lower_weight(const ModelConfig& config, std::string_view name) {
  const WeightNames names = weight_names(config.architecture);
  if (name.starts_with(names.embeddings)) return true;
  if (!names.shared.empty() && name.starts_with(names.shared)) return true;
  const auto found = find_layer(names, name);
  return found && found->layer < config.split.split_layer;
}

bool is_projection_weight(const ModelConfig& config, std::string_view name) {
  const WeightNames names = weight_names(config.architecture);
  const auto found = find_layer(names, name);
  return found && found->layer == config.split.split_layer &&
         found->rest.starts_with(names.attention);
}

}  // namespace deformer
