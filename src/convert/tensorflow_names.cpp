#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/quote.h"
#include "convert/name_map.h"
#include "convert/tensorflow_form.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// A variable's scopes and name: "bert", "encoder", "layer_0", ...
using Parts = std::vector<std::string_view>;

Parts split(std::string_view name) {
  Parts parts;
  while (true) {
    const std::size_t slash = name.find('/');
    parts.push_back(name.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    name.remove_prefix(slash + 1);
  }
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The end of a name, e.g. {"logits", "dense", "kernel"}.
bool ends_with(const Parts& parts, std::initializer_list<std::string_view> end) {
  return parts.size() >= end.size() &&
         std::equal(end.begin(), end.end(), std::prev(parts.end(), std::ssize(end)));
}

std::optional<int> layer_number(std::string_view part) {
  constexpr std::string_view kPrefix = "layer_";
  if (!part.starts_with(kPrefix)) return std::nullopt;
  part.remove_prefix(kPrefix.size());
  int number = 0;
  const auto parsed = std::from_chars(part.data(), part.data() + part.size(), number);
  // No model has 10,000 layers, and "layer_07" is none of its names.
  const bool plain = parsed.ec == std::errc() && parsed.ptr == part.data() + part.size() &&
                     number >= 0 && number < 10000 && std::to_string(number) == part;
  return plain ? std::optional(number) : std::nullopt;
}

// TensorFlow's optimisers, BERT's AdamWeightDecayOptimizer and DeFormer's copy of it.
bool is_optimizer(const Parts& parts) {
  return is_one_of(parts.back(), {"adam_m", "adam_v", "Adam", "Adam_1", "AdamWeightDecayOptimizer",
                                  "AdamWeightDecayOptimizer_1", "Momentum", "beta1_power",
                                  "beta2_power", "global_step"});
}

// csarron/xlnet: teacher/...; DeFormer: sbert_qa/ebert_qa/... beside the student's
// sbert_qa/ebert/...
bool is_teacher(const Parts& parts) {
  if (parts.front() == "teacher") return true;
  const auto outer = std::find_if(parts.begin(), parts.end(), [](std::string_view part) {
    return part.starts_with("sbert_") || part == "sbert";
  });
  return std::any_of(outer, parts.end(),
                     [](std::string_view part) { return part.starts_with("ebert_"); });
}

enum class Form : std::uint8_t {
  kAsIs,
  kTransposed,  // TensorFlow's kernels are [in, out]
  kPerLayer,    // [layers, ...], or one for all layers
};

// `name` has a '#' where kPerLayer wants the number of the layer.
struct Translation {
  std::string name;
  Form form = Form::kAsIs;
};

// The last part of a dense layer or a norm.
std::optional<Translation> parameter(const std::string& module, std::string_view last) {
  if (last == "kernel") return Translation{module + ".weight", Form::kTransposed};
  if (last == "gamma") return Translation{module + ".weight"};
  if (last == "bias" || last == "beta") return Translation{module + ".bias"};
  return std::nullopt;
}

std::optional<Translation> bert_head(const Parts& parts) {
  if (ends_with(parts, {"cls", "squad", "output_weights"})) return Translation{"qa_outputs.weight"};
  if (ends_with(parts, {"cls", "squad", "output_bias"})) return Translation{"qa_outputs.bias"};
  // Google's run_classifier.py
  if (parts.size() == 1 && parts[0] == "output_weights") return Translation{"classifier.weight"};
  if (parts.size() == 1 && parts[0] == "output_bias") return Translation{"classifier.bias"};
  for (const std::string_view last : {"kernel", "bias"}) {
    if (ends_with(parts, {"answer_classifier", "dense", last})) {
      return parameter("qa_outputs", last);
    }
    if (ends_with(parts, {"classifier", "dense", last})) return parameter("classifier", last);
  }
  return std::nullopt;
}

// What follows the scope bert or ebert.
std::optional<Translation> bert_body(const Parts& parts) {
  if (parts.size() < 2) return std::nullopt;
  if (!is_one_of(parts[0], {"embeddings", "encoder", "lower_encoder", "upper_encoder", "pooler"})) {
    return std::nullopt;
  }
  std::string module = "bert";
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (is_one_of(parts[i], {"lower_encoder", "upper_encoder"})) {
      module += ".encoder";
    } else if (const auto layer = layer_number(parts[i])) {
      module += ".layer." + std::to_string(*layer);
    } else {
      module += parts[i] == "layer_norm" ? ".LayerNorm" : "." + std::string(parts[i]);
    }
  }
  const std::string_view last = parts.back();
  if (last.ends_with("_embeddings"))
    return Translation{module + "." + std::string(last) + ".weight"};
  return parameter(module, last);
}

Parts after(const Parts& parts, std::size_t index) {
  return {parts.begin() + static_cast<std::ptrdiff_t>(index) + 1, parts.end()};
}

// Index of the model's own scope. init_sbert: a student before its first step.
std::optional<std::size_t> find_scope(const Parts& parts,
                                      std::initializer_list<std::string_view> scopes) {
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (is_one_of(parts[i], scopes)) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> bert_scope(const Parts& parts) {
  return find_scope(parts, {"bert", "ebert", "init_sbert"});
}

std::optional<std::size_t> xlnet_scope(const Parts& parts) {
  return find_scope(parts, {"transformer"});
}

std::optional<Translation> translate_bert(const Parts& parts) {
  if (auto head = bert_head(parts)) return head;
  const auto scope = bert_scope(parts);
  return scope ? bert_body(after(parts, *scope)) : std::nullopt;
}

std::optional<Translation> xlnet_layer(const Parts& parts, int layer) {
  const std::string module =
      "transformer.layer." + std::to_string(layer) + "." + std::string(parts[1]);
  const std::string_view inner = parts[2];
  if (inner == "LayerNorm") return parameter(module + ".layer_norm", parts[3]);
  if (parts[1] == "rel_attn" && parts[3] == "kernel") {
    return Translation{module + "." + std::string(inner)};  // [d_model, heads, head] in both
  }
  return parameter(module + "." + std::string(inner), parts[3]);
}

// What follows the scope transformer.
std::optional<Translation> xlnet_body(const Parts& parts) {
  if (parts.size() == 1 && is_one_of(parts[0], {"r_w_bias", "r_r_bias", "r_s_bias", "seg_embed"})) {
    return Translation{"transformer.layer.#.rel_attn." + std::string(parts[0]), Form::kPerLayer};
  }
  if (parts == Parts{"word_embedding", "lookup_table"}) {
    return Translation{"transformer.word_embedding.weight"};
  }
  if (parts == Parts{"mask_emb", "mask_emb"}) return Translation{"transformer.mask_emb"};
  const auto layer = layer_number(parts[0]);
  return layer && parts.size() == 4 ? xlnet_layer(parts, *layer) : std::nullopt;
}

std::optional<Translation> translate_xlnet(const Parts& parts) {
  if (const auto scope = xlnet_scope(parts)) return xlnet_body(after(parts, *scope));
  for (const std::string_view last : {"kernel", "bias"}) {
    if (parts == Parts{"logits", "dense", last} ||
        parts == Parts{"model", "logits", "dense", last}) {
      return parameter("qa_outputs", last);
    }
    // The official code's own spelling.
    if (ends_with(parts, {"sequnece_summary", "summary", last})) {
      return parameter("sequence_summary.summary", last);
    }
    const bool logit = ends_with(parts, {"logit", last}) && parts.size() >= 3;
    const std::string_view task = logit ? parts[parts.size() - 3] : std::string_view();
    const bool official = task.starts_with("classification_") || task.starts_with("regression_");
    if (official || ends_with(parts, {"answer_class", "cls", last})) {
      return parameter("logits_proj", last);
    }
  }
  return std::nullopt;
}

std::optional<SkipReason> skip_reason(const Parts& parts, bool has_answer_pooler) {
  if (is_optimizer(parts)) return SkipReason::kOptimizer;
  if (is_teacher(parts)) return SkipReason::kTeacher;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const bool google =
        parts[i] == "cls" && is_one_of(parts[i + 1], {"predictions", "seq_relationship"});
    if (google || parts[i] == "lm_loss") return SkipReason::kPretrainingHead;
    if (parts[i] == "answer_class" && has_answer_pooler) return SkipReason::kAnswerClass;
  }
  return std::nullopt;
}

// Layers below and above the split, as DeFormer's scopes say it.
struct ScopeLayers {
  bool decomposed = false;
  int lower = 0;        // 1 + the highest number in lower_encoder
  int upper = 1 << 20;  // the lowest number in upper_encoder
  int layers = 0;       // 1 + the highest number of all
};

void count_layers(const Parts& parts, ScopeLayers& count) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    count.decomposed |= parts[i] == "ebert";
    const auto layer = layer_number(parts[i]);
    // XLNet's feed-forward parts are called layer_1 and layer_2 too.
    const bool counts =
        layer && i > 0 &&
        is_one_of(parts[i - 1], {"encoder", "lower_encoder", "upper_encoder", "transformer"});
    if (!counts) continue;
    count.layers = std::max(count.layers, *layer + 1);
    if (parts[i - 1] == "lower_encoder") count.lower = std::max(count.lower, *layer + 1);
    if (parts[i - 1] == "upper_encoder") count.upper = std::min(count.upper, *layer);
  }
}

// One weight a layer: slices of [layers, ...], or where the layers share one, the same for each.
void add_per_layer(NameMap& map, const Translation& to, std::size_t index,
                   const CheckpointSource& source, int layers) {
  const SourceTensor& tensor = source.tensors[index];
  const std::size_t own = to.name.ends_with("seg_embed") ? 3 : 2;  // dimensions in a layer
  const bool shared = tensor.shape.size() == own;
  if (!shared && (tensor.shape.size() != own + 1 || tensor.shape[0] != layers)) {
    throw Error(ErrorCode::kIncompatible,
                source.path.string() + ": tensor " + in_quotes(tensor.name) + ": expected " +
                    std::to_string(layers) + " layers of " + std::to_string(own) +
                    " dimensions, found " + shape_text(tensor.shape));
  }
  const std::size_t mark = to.name.find('#');
  for (int layer = 0; layer < layers; ++layer) {
    std::string name = to.name;
    name.replace(mark, 1, std::to_string(layer));
    map.weights.push_back({std::move(name), index, shared ? tensor : slice(tensor, layer)});
  }
}

void add_weight(NameMap& map, Translation to, std::size_t index, const CheckpointSource& source,
                int layers) {
  const SourceTensor& tensor = source.tensors[index];
  if (to.form == Form::kPerLayer) return add_per_layer(map, to, index, source, layers);
  const bool turn = to.form == Form::kTransposed && tensor.shape.size() == 2;
  map.weights.push_back({std::move(to.name), index, turn ? transposed(tensor) : tensor});
}

// By what only one of the forms has.
const TensorflowForm& find_form(const CheckpointSource& source) {
  bool bert = false;
  for (const SourceTensor& tensor : source.tensors) {
    const Parts parts = split(tensor.name);
    if (xlnet_scope(parts) && ends_with(parts, {"word_embedding", "lookup_table"})) {
      return xlnet_form();
    }
    bert |= bert_scope(parts).has_value();
  }
  if (bert) return bert_form();
  throw Error(
      ErrorCode::kIncompatible,
      source.path.string() + ": expected variables of BERT (scope bert), DeFormer (ebert) " +
          "or XLNet (transformer), found " + std::to_string(source.tensors.size()) + " others" +
          (source.tensors.empty() ? "" : ", the first " + in_quotes(source.tensors.front().name)));
}

int split_layer_of(const ScopeLayers& count, const CheckpointSource& source) {
  if (count.lower <= count.upper) return count.lower;
  throw Error(ErrorCode::kIncompatible,
              source.path.string() + ": expected every layer of lower_encoder below those of " +
                  "upper_encoder, found layer " + std::to_string(count.lower - 1) + " below and " +
                  std::to_string(count.upper) + " above");
}

}  // namespace

NameMap map_tensorflow_names(const CheckpointSource& source) {
  NameMap map;
  map.form = &find_form(source);
  map.architecture = &architecture(map.form->model_type);
  const auto translate = map.form == &bert_form() ? translate_bert : translate_xlnet;
  ScopeLayers count;
  bool has_answer_pooler = false;
  std::vector<std::size_t> kept;
  for (const SourceTensor& tensor : source.tensors) {
    const Parts parts = split(tensor.name);
    has_answer_pooler |= find_scope(parts, {"answer_class"}) && find_scope(parts, {"pooler"});
  }
  for (std::size_t i = 0; i < source.tensors.size(); ++i) {
    const Parts parts = split(source.tensors[i].name);
    if (const auto reason = skip_reason(parts, has_answer_pooler)) {
      map.skipped.push_back({source.tensors[i].name, *reason});
    } else {
      kept.push_back(i);
      count_layers(parts, count);
    }
  }
  for (const std::size_t i : kept) {
    const Parts parts = split(source.tensors[i].name);
    auto to = translate(parts);
    if (to) {
      add_weight(map, std::move(*to), i, source, count.layers);
    } else {
      map.unmatched.push_back(source.tensors[i].name);
    }
  }
  if (map.form == &bert_form() && count.decomposed) map.split_layer = split_layer_of(count, source);
  sort_weights(map, source);
  return map;
}

}  // namespace deformer
