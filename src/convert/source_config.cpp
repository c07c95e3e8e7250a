#include "convert/source_config.h"

#include <array>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "architecture/config.h"
#include "architecture/config_names.h"
#include "base/file.h"
#include "base/json.h"
#include "convert/checkpoint_source.h"
#include "convert/tensorflow_form.h"
#include "convert/weight_shapes.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// One of TensorFlow's configurations.
SourceConfig read_sizes(const fs::path& file, const TensorflowForm& form, Activation gelu) {
  const nlohmann::json document = load_json(file);
  const JsonPlace root(document, file.string());
  root.require_object();
  SourceConfig source;
  source.file = file;
  source.config = form.read_config(root, gelu);
  if (root.has("do_lower_case")) source.lower_case = root.at("do_lower_case").as_bool();
  return source;
}

std::optional<fs::path> find_config(const CheckpointSource& source, const char* name) {
  const fs::path above = fs::path(source.directory) / "..";
  for (const fs::path& directory : {source.directory, above}) {
    if (is_there(directory / name)) return (directory / name).lexically_normal();
  }
  return std::nullopt;
}

void require_valid(const SourceConfig& source) {
  try {
    validate(source.config);
  } catch (const Error& error) {
    if (source.file.empty()) throw;
    throw Error(error.code(), source.file.string() + ": " + error.what());
  }
}

// What a model without a split is loaded as, or refused by.
void make_ordinary(SourceConfig& source) {
  source.config.split = default_split(source.config, source.task, Layout::kContinue);
}

const char* number_type(Dtype dtype) {
  if (dtype == Dtype::kF16) return "float16";
  return dtype == Dtype::kBf16 ? "bfloat16" : "float32";
}

std::string class_of(const ModelConfig& config, const WeightSelection& weights) {
  if (!weights.class_head || weights.span_head) {
    return class_name(architecture_of(config), TaskKind::kSpan);
  }
  return class_name(architecture_of(config),
                    weights.classes == 1 ? TaskKind::kChoice : TaskKind::kClasses);
}

// Hugging Face derives the number of classes from their labels. Three are MNLI's, in the order of
// Google's run_classifier.py, which XLNet's program and the original DeFormer share.
void add_labels(Json& root, std::int64_t classes) {
  static constexpr const char* kMnli[] = {"contradiction", "entailment", "neutral"};
  for (std::int64_t i = 0; i < classes; ++i) {
    const std::string label =
        classes == std::ssize(kMnli) ? kMnli[i] : "LABEL_" + std::to_string(i);
    root["id2label"][std::to_string(i)] = label;
    root["label2id"][label] = i;
  }
}

// Lengths and the passage's place are those of a data set, and which one classes or choices belong
// to is not known here: what the source does not state is left to who loads the model for one.
void drop_lengths(Json& deformer, const Json& stated) {
  for (const char* key : {"max_question_tokens", "window_tokens", "window_step",
                          "max_answer_tokens", "passage_place"}) {
    if (!stated.contains(key)) deformer.erase(key);
  }
}

bool has_classes_alone(const WeightSelection& weights) {
  return weights.class_head && !weights.span_head;
}

Json made_config(const SourceConfig& source, const WeightSelection& weights) {
  constexpr std::int64_t kDefaultClasses = 2;
  Json root = Json::parse(config_to_json(source.config));
  root["architectures"] = Json::array({class_of(source.config, weights)});
  const std::int64_t classes = weights.span_head ? kDefaultClasses : weights.classes;
  if (weights.class_head && classes > 1 && classes != kDefaultClasses) add_labels(root, classes);
  if (source.ordinary) {
    root.erase("deformer");
  } else if (has_classes_alone(weights)) {
    drop_lengths(root["deformer"], Json::object());
  }
  return root;
}

Json kept_config(const SourceConfig& source, const WeightSelection& weights) {
  Json root = Json::parse(source.hugging_face);
  const Json stated = root.contains("deformer") ? root["deformer"] : Json::object();
  if (!root.contains("model_type")) root["model_type"] = source.config.architecture;
  if (!source.split_given) return root;
  root["deformer"] = Json::parse(config_to_json(source.config))["deformer"];
  // A data set's name, as older versions wrote it, is now written as what it implies.
  const bool names_data = source.task.name != to_string(source.task.kind);
  if (has_classes_alone(weights) && !names_data) drop_lengths(root["deformer"], stated);
  return root;
}

}  // namespace

SourceConfig load_hugging_face_config(const CheckpointSource& source) {
  const fs::path& directory = source.directory;
  if (!is_there(directory / "config.json")) {
    for (const TensorflowForm* form : tensorflow_forms()) {
      const fs::path file = directory / form->config_file;
      if (!is_there(file)) continue;
      SourceConfig found = read_sizes(file, *form, Activation::kGeluErf);
      make_ordinary(found);
      require_valid(found);
      return found;
    }
  }
  SourceConfig found;
  ReadConfig read = read_model_config(directory);
  // What is written is to answer: its user would be refused later.
  require_single_label(read, read.config.task);
  found.config = std::move(read.config);
  found.task = std::move(read.task);
  found.file = directory / "config.json";
  found.hugging_face = read_file(found.file, kMaxConfigBytes);
  const nlohmann::json document = parse_json(found.hugging_face, found.file.string());
  const JsonPlace root(document, found.file.string());
  found.ordinary = !root.has("deformer");
  if (root.has("do_lower_case")) found.lower_case = root.at("do_lower_case").as_bool();
  return found;
}

SourceConfig load_tensorflow_config(const CheckpointSource& source, const NameMap& map) {
  const TensorflowForm& form = *map.form;
  const auto file = find_config(source, form.config_file);
  SourceConfig found;
  if (file) {
    found = read_sizes(*file, form, Activation::kGeluTanh);
  } else {
    found.config = form.sizes_from_shapes(WeightShapes(map, source));
    found.config.hidden_act = Activation::kGeluTanh;
  }
  make_ordinary(found);
  if (map.split_layer) {
    found.ordinary = false;
    found.config.split = default_split(found.config, found.task, Layout::kRestart);
    found.config.split.split_layer = *map.split_layer;
  }
  return found;
}

void apply_split(SourceConfig& source, const ConvertOptions& options) {
  ModelConfig& config = source.config;
  if (options.layout && !has_layout(architecture_of(config), *options.layout)) {
    throw Error(ErrorCode::kInvalidArgument,
                "layout: expected " + layout_list(architecture_of(config)) + ", found " +
                    to_string(*options.layout) + " (model_type " + config.architecture + ")");
  }
  if (options.split_layer || options.layout) {
    const int split_layer = options.split_layer.value_or(config.split.split_layer);
    if (source.ordinary) {
      // An ordinary model that stays joint keeps the layout that it was trained in.
      const Layout own = split_layer > 0 ? default_layout(config) : Layout::kContinue;
      config.split = default_split(config, source.task, options.layout.value_or(own));
      source.ordinary = false;
    }
    source.split_given = true;
    config.split.split_layer = split_layer;
    config.split.layout = options.layout.value_or(config.split.layout);
  }
  require_valid(source);
}

std::string make_config_json(const SourceConfig& source, const WeightSelection& weights,
                             Dtype dtype) {
  Json root =
      source.hugging_face.empty() ? made_config(source, weights) : kept_config(source, weights);
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (root.contains(key)) root[key] = number_type(dtype);
  }
  return root.dump(2) + "\n";
}

}  // namespace deformer
