#include "convert/weight_selection.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "deformer/error.h"
#include "model/bert_names.h"
#include "model/config_check.h"

namespace deformer {
namespace {

constexpr std::int64_t kAny = -1;  // of a shape: at least 1
constexpr std::size_t kListed = 200;
constexpr std::int64_t kHeadSize = 64;

const NamedWeight* find(const std::vector<NamedWeight>& weights, std::string_view name) {
  const auto found = std::lower_bound(
      weights.begin(), weights.end(), name,
      [](const NamedWeight& weight, std::string_view key) { return weight.name < key; });
  return found != weights.end() && found->name == name ? &*found : nullptr;
}

// Name -> shape. A group is there as a whole or not at all.
struct Group {
  std::map<std::string, Shape> shapes;
  bool required = false;
};

void add_dense(Group& group, const std::string& name, std::int64_t in, std::int64_t out) {
  group.shapes[name + ".weight"] = {out, in};
  group.shapes[name + ".bias"] = {out};
}

void add_norm(Group& group, const std::string& name, std::int64_t size) {
  group.shapes[name + ".weight"] = {size};
  group.shapes[name + ".bias"] = {size};
}

// `root`: "bert." or what takes its place.
Group bert_encoder(const ModelConfig& config, const BertNames& names, const std::string& root,
                   std::int64_t layers) {
  Group group{.shapes = {}, .required = true};
  const std::int64_t hidden = config.hidden_size;
  const std::string embeddings = root + "embeddings.";
  group.shapes[embeddings + "word_embeddings.weight"] = {config.vocab_size, hidden};
  group.shapes[embeddings + "position_embeddings.weight"] = {config.max_position_embeddings,
                                                             hidden};
  if (names.token_types != nullptr) {
    group.shapes[embeddings + names.token_types + ".weight"] = {config.type_vocab_size, hidden};
  }
  if (names.distance_bias != nullptr) {
    group.shapes[root + names.distance_bias + ".weight"] = {kMpnetDistanceBuckets,
                                                            config.num_attention_heads};
  }
  add_norm(group, embeddings + "LayerNorm", hidden);
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string layer = root + "encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {names.query, names.key, names.value, names.attention_output}) {
      add_dense(group, layer + part, hidden, hidden);
    }
    add_norm(group, layer + names.attention_norm, hidden);
    add_dense(group, layer + "intermediate.dense", hidden, config.intermediate_size);
    add_dense(group, layer + "output.dense", config.intermediate_size, hidden);
    add_norm(group, layer + "output.LayerNorm", hidden);
  }
  return group;
}

// `shared_biases`: Hugging Face's files of before may hold them once for all layers.
Group xlnet_encoder(const ModelConfig& config, std::int64_t layers, bool shared_biases) {
  Group group{.shapes = {}, .required = true};
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t heads = config.num_attention_heads;
  const std::int64_t head = config.head_size();
  const auto add_biases = [&](const std::string& scope) {
    for (const char* bias : {"r_w_bias", "r_r_bias", "r_s_bias"}) {
      group.shapes[scope + bias] = {heads, head};
    }
  };
  group.shapes["transformer.word_embedding.weight"] = {config.vocab_size, hidden};
  if (shared_biases) add_biases("transformer.");
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string layer = "transformer.layer." + std::to_string(i) + ".";
    for (const char* part : {"q", "k", "v", "o", "r"}) {
      group.shapes[layer + "rel_attn." + part] = {hidden, heads, head};
    }
    if (!shared_biases) add_biases(layer + "rel_attn.");
    group.shapes[layer + "rel_attn.seg_embed"] = {2, heads, head};
    add_norm(group, layer + "rel_attn.layer_norm", hidden);
    add_dense(group, layer + "ff.layer_1", hidden, config.intermediate_size);
    add_dense(group, layer + "ff.layer_2", config.intermediate_size, hidden);
    add_norm(group, layer + "ff.layer_norm", hidden);
  }
  return group;
}

std::vector<Group> groups_of(const ModelConfig& config, const std::vector<NamedWeight>& weights) {
  // More layers than weights are missing anyway, however many a broken configuration asks for.
  const std::int64_t layers =
      std::min(config.num_hidden_layers, static_cast<std::int64_t>(weights.size()) + 1);
  const bool shared_biases = find(weights, "transformer.r_w_bias") != nullptr;
  const std::int64_t hidden = config.hidden_size;
  std::vector<Group> groups;
  // A dense layer of hidden -> hidden, then one for each class or for a choice.
  const auto add_head = [&](const char* pooler, const char* output) {
    add_dense(groups.emplace_back(), pooler, hidden, hidden);
    add_dense(groups.emplace_back(), output, hidden, kAny);
  };
  switch (config.architecture) {
    case Architecture::kBert:
      groups.push_back(bert_encoder(config, kBertNames, "bert.", layers));
      add_head("bert.pooler.dense", "classifier");
      break;
    case Architecture::kXlnet:
      groups.push_back(xlnet_encoder(config, layers, shared_biases));
      add_head("sequence_summary.summary", "logits_proj");
      groups.emplace_back().shapes["transformer.mask_emb"] = {1, 1, hidden};
      break;
    case Architecture::kMpnet:
      groups.push_back(bert_encoder(config, kMpnetNames, "mpnet.", layers));
      add_head("classifier.dense", "classifier.out_proj");
      add_head("mpnet.pooler.dense", "classifier");
      break;
  }
  add_dense(groups.emplace_back(), "qa_outputs", hidden, 2);
  return groups;
}

bool fits(const Shape& shape, const Shape& expected) {
  return std::equal(shape.begin(), shape.end(), expected.begin(), expected.end(),
                    [](std::int64_t found, std::int64_t size) {
                      return size == kAny ? found >= 1 : found == size;
                    });
}

bool is_floating(Dtype dtype) {
  return dtype == Dtype::kF16 || dtype == Dtype::kBf16 || dtype == Dtype::kF32 ||
         dtype == Dtype::kF64;
}

// `3 missing: "a", "b", "c"`, all of them unless there are hundreds.
class Problems {
 public:
  explicit Problems(std::string kind) : kind_(std::move(kind)) {}

  void add(const std::string& name, const std::string& detail = "") {
    if (count_++ < kListed) text_ += (text_.empty() ? "" : ", ") + quoted_name(name) + detail;
  }
  [[nodiscard]] std::string text() const {
    if (count_ == 0) return "";
    return std::to_string(count_) + " " + kind_ + ": " + text_ +
           (count_ > kListed ? " and " + std::to_string(count_ - kListed) + " more" : "");
  }

 private:
  std::string kind_;
  std::size_t count_ = 0;
  std::string text_;
};

std::string joined(std::initializer_list<const Problems*> problems) {
  std::string text;
  for (const Problems* problem : problems) {
    const std::string part = problem->text();
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  }
  return text;
}

void check_group(const Group& group, const std::vector<NamedWeight>& weights, Problems& missing,
                 Problems& misshapen) {
  const bool there = group.required ||
                     std::any_of(group.shapes.begin(), group.shapes.end(), [&](const auto& each) {
                       return find(weights, each.first) != nullptr;
                     });
  if (!there) return;
  for (const auto& [name, shape] : group.shapes) {
    const NamedWeight* const weight = find(weights, name);
    if (weight == nullptr) {
      missing.add(name);
    } else if (!fits(weight->tensor.shape, shape) || !is_floating(weight->tensor.dtype)) {
      misshapen.add(name, " (expected F32, F16, BF16 or F64 " + shape_text(shape) + ", found " +
                              to_string(weight->tensor.dtype) + " " +
                              shape_text(weight->tensor.shape) + ")");
    }
  }
}

// ---- Sizes from shapes

class Shapes {
 public:
  Shapes(const NameMap& map, const CheckpointSource& source) : map_(map), source_(source) {}

  [[nodiscard]] std::int64_t size(const std::string& name, std::size_t axis) const {
    const NamedWeight* const weight = find(map_.weights, name);
    if (weight != nullptr && axis < weight->tensor.shape.size()) return weight->tensor.shape[axis];
    throw Error(ErrorCode::kIncompatible,
                source_.path.string() + ": expected a tensor " + quoted_name(name) +
                    " to tell the sizes (or the configuration's json beside the checkpoint), " +
                    "found none");
  }

  // 1 + the highest number after `prefix`
  [[nodiscard]] std::int64_t layers(std::string_view prefix) const {
    std::int64_t layers = 0;
    for (const NamedWeight& weight : map_.weights) {
      if (!weight.name.starts_with(prefix)) continue;
      std::int64_t layer = 0;
      const char* const end = weight.name.data() + weight.name.size();
      std::from_chars(weight.name.data() + prefix.size(), end, layer);
      layers = std::max(layers, layer + 1);
    }
    return layers;
  }

 private:
  const NameMap& map_;
  const CheckpointSource& source_;
};

ModelConfig bert_sizes(const Shapes& shapes, const CheckpointSource& source) {
  ModelConfig config;
  config.architecture = Architecture::kBert;
  const std::string embeddings = "bert.embeddings.";
  config.vocab_size = shapes.size(embeddings + "word_embeddings.weight", 0);
  config.hidden_size = shapes.size(embeddings + "word_embeddings.weight", 1);
  config.max_position_embeddings = shapes.size(embeddings + "position_embeddings.weight", 0);
  config.type_vocab_size = shapes.size(embeddings + "token_type_embeddings.weight", 0);
  config.num_hidden_layers = shapes.layers("bert.encoder.layer.");
  config.intermediate_size = shapes.size("bert.encoder.layer.0.intermediate.dense.weight", 0);
  if (config.hidden_size < kHeadSize || config.hidden_size % kHeadSize != 0) {
    throw Error(ErrorCode::kIncompatible,
                source.path.string() + ": expected bert_config.json beside it (the shapes do not " +
                    "tell the number of heads), or a hidden size that is a multiple of 64, found " +
                    std::to_string(config.hidden_size));
  }
  config.num_attention_heads = config.hidden_size / kHeadSize;
  return config;
}

ModelConfig xlnet_sizes(const Shapes& shapes) {
  ModelConfig config;
  config.architecture = Architecture::kXlnet;
  config.vocab_size = shapes.size("transformer.word_embedding.weight", 0);
  config.hidden_size = shapes.size("transformer.word_embedding.weight", 1);
  config.num_hidden_layers = shapes.layers("transformer.layer.");
  config.num_attention_heads = shapes.size("transformer.layer.0.rel_attn.q", 1);
  config.intermediate_size = shapes.size("transformer.layer.0.ff.layer_1.weight", 0);
  return config;
}

// Without the heads' facts.
WeightSelection known_weights(NameMap map, const std::vector<Group>& groups,
                              const CheckpointSource& source) {
  WeightSelection selection;
  selection.unused = std::move(map.unmatched);
  for (NamedWeight& weight : map.weights) {
    const bool known = std::any_of(groups.begin(), groups.end(), [&](const Group& group) {
      return group.shapes.contains(weight.name);
    });
    if (known) {
      selection.weights.push_back(std::move(weight));
    } else {
      selection.unused.push_back(source.tensors[weight.source].name);
    }
  }
  std::sort(selection.unused.begin(), selection.unused.end());
  const auto last = std::unique(selection.unused.begin(), selection.unused.end());
  selection.unused.erase(last, selection.unused.end());
  return selection;
}

}  // namespace

WeightSelection select_weights(NameMap map, const ModelConfig& config,
                               const CheckpointSource& source, bool allow_unused) {
  const std::vector<Group> groups = groups_of(config, map.weights);
  Problems missing("missing");
  Problems misshapen("misshapen");
  for (const Group& group : groups) check_group(group, map.weights, missing, misshapen);
  WeightSelection selection = known_weights(std::move(map), groups, source);
  Problems unused("that no model here uses (--allow-unused leaves them out)");
  if (!allow_unused) {
    for (const std::string& name : selection.unused) unused.add(name);
  }
  const std::string problems = joined({&missing, &misshapen, &unused});
  if (!problems.empty()) {
    throw Error(ErrorCode::kIncompatible, source.path.string() + ": expected the tensors of a " +
                                              to_string(config.architecture) + " model, found " +
                                              problems);
  }
  selection.span_head = find(selection.weights, "qa_outputs.weight") != nullptr;
  for (const char* name :
       {"classifier.weight", "classifier.out_proj.weight", "logits_proj.weight"}) {
    const NamedWeight* const head = find(selection.weights, name);
    if (head == nullptr) continue;
    selection.class_head = true;
    selection.classes = head->tensor.shape[0];
  }
  return selection;
}

ModelConfig sizes_from_shapes(const NameMap& map, const CheckpointSource& source) {
  const Shapes shapes(map, source);
  return map.architecture == Architecture::kBert ? bert_sizes(shapes, source) : xlnet_sizes(shapes);
}

}  // namespace deformer
