#include "train/training_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "architecture/config.h"
#include "architecture/task_config.h"
#include "base/file.h"
#include "deformer/error.h"
#include "model/encoder_parts.h"
#include "model/make_encoder.h"
#include "model/model_access.h"
#include "model/pooled_head.h"
#include "model/span_head.h"
#include "text/tokenizer_files.h"

namespace deformer {
namespace {

// What is trained, and how much of it the directory has.
struct TrainConfig {
  ModelConfig config;
  Task task;
  bool keeps_output = true;  // the checkpoint's last layer is the task's
};

bool answers(const ModelConfig& config, const Task& task) {
  return config.task == task.kind &&
         (task.labels.empty() || same_labels(task.labels, config.labels));
}

// Whether a checkpoint that does not say what its head is for has one of the task's size. In which
// order nameless classes stand is known for data sets alone.
bool has_head_for(const Task& task, const ModelConfig& config, const Checkpoint& checkpoint) {
  if (task.name == to_string(TaskKind::kClasses)) return false;
  const StoredTensor* weight =
      checkpoint.find(pooled_head_form(architecture_of(config), task.kind).output + ".weight");
  const bool says_nothing =
      config.task == TaskKind::kSpan || (config.task == task.kind && are_unnamed(config.labels));
  return weight != nullptr && says_nothing && !weight->view.shape.empty() &&
         weight->view.shape.front() == head_outputs(task.kind, task.labels);
}

// Of a head that the task can have as it is; none where config.json names other classes or another
// task.
std::optional<std::vector<std::string>> labels_for(const Task& task,
                                                   const std::filesystem::path& model_dir) {
  try {
    return load_model_config(model_dir, task).labels;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIncompatible) throw;
    return std::nullopt;
  }
}

// Kind and labels; labels that the checkpoint has keep its order.
void set_task(const std::filesystem::path& model_dir, const ReadConfig& read,
              const Checkpoint& checkpoint, TrainConfig& found) {
  ModelConfig& config = found.config;
  const Task& task = found.task;
  if (answers(config, task)) {
    // Outputs that were no choice of one class are not the task's, whatever they are called.
    found.keeps_output = task.kind != TaskKind::kClasses || !read.other_problem;
    for (std::string& label : config.labels) {
      if (!task.labels.empty()) label = task.labels[*find_label(task.labels, label)];
    }
    return;
  }
  std::optional<std::vector<std::string>> own;
  if (!read.other_problem && has_head_for(task, config, checkpoint)) {
    own = labels_for(task, model_dir);
  }
  found.keeps_output = own.has_value();
  config.labels = own.value_or(task.labels);
  config.task = task.kind;
}

// The directory's own; that of decomposed models for an ordinary checkpoint, and in place of a
// `continue` that is to be split.
Layout choose_layout(const ReadConfig& read, const TrainingModelOptions& options,
                     const ModelConfig& config) {
  if (options.layout) return *options.layout;
  const Layout own = config.split.layout;
  const bool is_split = std::any_of(options.split_layers.begin(), options.split_layers.end(),
                                    [](int split_layer) { return split_layer > 0; });
  return own == Layout::kContinue && (read.ordinary || is_split) ? default_layout(config) : own;
}

// Lengths and the passage's place are those of the task where the directory is for another one, or
// an ordinary checkpoint that gets another layout.
void set_split(const ReadConfig& read, const TrainingModelOptions& options, TrainConfig& found) {
  SplitConfig& split = found.config.split;
  const bool other_task = !answers(read.config, found.task);
  if (other_task) split.passage_place.reset();
  if (!split.passage_place && found.task.passage_first) split.passage_place = PassagePlace::kFirst;
  const Layout layout = choose_layout(read, options, found.config);
  // A class alone says nothing of lengths.
  const bool classes_unstated = !read.stated && found.task.kind == TaskKind::kClasses;
  const bool keeps_lengths = !read.ordinary || split.layout == layout;
  const int own_split_layer = split.split_layer;
  split = other_task || classes_unstated || !keeps_lengths
              ? default_split(found.config, found.task, layout)
              : split_in_layout(found.config, layout);
  split.split_layer = options.split_layers.empty() ? own_split_layer : options.split_layers.back();
}

TrainConfig load_config(const std::filesystem::path& model_dir, const ReadConfig& read,
                        const Checkpoint& checkpoint, const TrainingModelOptions& options) {
  TrainConfig found{read.config, options.task.value_or(read.task)};
  set_task(model_dir, read, checkpoint, found);
  set_split(read, options, found);
  validate(found.config);
  return found;
}

void require_layers(const std::vector<int>& layers, const ModelConfig& base) {
  for (const int layer : layers) {
    if (layer >= 0 && layer < base.num_hidden_layers) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "layers: expected 0 to " + std::to_string(base.num_hidden_layers - 1) +
                    ", the base's layers, found " + std::to_string(layer));
  }
}

// Weights as the encoder's were made, no bias.
class NewLayers {
 public:
  NewLayers(const ModelConfig& config, const TrainingModelOptions& options)
      : generator_(at::detail::createCPUGenerator(options.seed)),
        deviation_(config.initializer_range),
        device_(nn::to_torch_device(options.device)) {}

  [[nodiscard]] nn::Linear make(std::int64_t in, std::int64_t out) {
    const at::Tensor weight = at::normal(0.0, deviation_, {out, in}, generator_, at::kFloat);
    return {weight.to(device_), at::zeros({out}, at::device(device_).dtype(at::kFloat))};
  }

 private:
  at::Generator generator_;
  double deviation_;
  at::Device device_;
};

std::unique_ptr<const SpanHead> make_span_head(const ModelConfig& config, WeightLoader& weights,
                                               const TrainingModelOptions& options) {
  const WeightScope scope(weights, SpanHead::kName);
  if (scope.has("weight")) return std::make_unique<const SpanHead>(config.hidden_size, scope);
  const nn::Linear layer = NewLayers(config, options).make(config.hidden_size, 2);
  return std::make_unique<const SpanHead>(layer.weight(), layer.bias());
}

// The checkpoint's pooler serves every task.
std::unique_ptr<const PooledHead> make_pooled_head(const ModelConfig& config, WeightLoader& weights,
                                                   const TrainingModelOptions& options,
                                                   bool keeps_output) {
  const PooledHeadForm& names = pooled_head_form(architecture_of(config), config.task);
  const std::int64_t hidden = config.hidden_size;
  NewLayers layers(config, options);
  const auto layer = [&](const std::string& name, std::int64_t out, bool kept) {
    const WeightScope scope(weights, name);
    return kept && scope.has("weight") ? take_head_linear(scope, hidden, out)
                                       : layers.make(hidden, out);
  };
  return std::make_unique<const PooledHead>(
      layer(names.pooler, hidden, true),
      layer(names.output, head_outputs(config.task, config.labels), keeps_output), names);
}

// Heads of the checkpoint that the task does not read.
std::vector<std::string> other_heads(const ModelConfig& config) {
  std::vector<std::string> prefixes{std::string(SpanHead::kName) + "."};
  for (const TaskKind kind : {TaskKind::kClasses, TaskKind::kChoice}) {
    const PooledHeadForm& names = pooled_head_form(architecture_of(config), kind);
    prefixes.push_back(names.pooler + ".");
    prefixes.push_back(names.output + ".");
  }
  return prefixes;
}

bool is_trained(const Parameter& parameter, const ModelConfig& config,
                const TrainingModelOptions& options) {
  if (!options.trainable) return false;
  if (parameter.is_distance_bias && !options.train_distance_bias) return false;
  if (options.freeze_layers == 0) return true;
  ModelConfig frozen = config;
  frozen.split.split_layer = options.freeze_layers;
  return !is_lower_weight(frozen, parameter.names.front());
}

// A head that began at random would teach noise.
void require_head(const std::filesystem::path& model_dir, const ReadConfig& read,
                  const Checkpoint& checkpoint, const TrainConfig& found) {
  const TaskKind kind = found.config.task;
  require_single_label(read, kind);
  const std::string name = kind == TaskKind::kSpan
                               ? SpanHead::kName
                               : pooled_head_form(architecture_of(found.config), kind).output;
  if (found.keeps_output && checkpoint.find(name + ".weight") != nullptr) return;
  throw Error(ErrorCode::kIncompatible, model_dir.string() + ": expected weights with a head for " +
                                            found.task.name + " (" + name + "), found none");
}

}  // namespace

std::int64_t head_outputs(TaskKind kind, const std::vector<std::string>& labels) {
  return kind == TaskKind::kChoice ? 1 : std::ssize(labels);
}

std::shared_ptr<const Model> TrainingModel::model(int split_layer) const {
  ModelConfig split = config;
  split.split.split_layer = split_layer;
  return ModelAccess::assemble({.config = std::move(split),
                                .runtime = {.device = device, .weights = WeightType::kFp32},
                                .tokenizer = tokenizer,
                                .head = head,
                                .encoder = encoder->with_split_layer(split_layer)});
}

std::vector<Parameter> TrainingModel::parameters() const {
  std::vector<Parameter> all = encoder->parameters();
  head->append_parameters(all);
  return all;
}

std::vector<Parameter> TrainingModel::trained_parameters() const {
  std::vector<Parameter> trained;
  for (Parameter& parameter : parameters()) {
    if (parameter.value.requires_grad()) trained.push_back(std::move(parameter));
  }
  return trained;
}

TrainingModel load_training_model(const std::filesystem::path& model_dir,
                                  const TrainingModelOptions& options) {
  TrainingModel model;
  ReadConfig read = read_model_config(model_dir);
  Checkpoint checkpoint = Checkpoint::open(model_dir, architecture_of(read.config));
  if (!options.layers.empty()) {
    require_layers(options.layers, read.config);
    checkpoint = checkpoint.with_layers(options.layers);
    read.config.num_hidden_layers = std::ssize(options.layers);
  }
  const TrainConfig found = load_config(model_dir, read, checkpoint, options);
  if (options.needs_head) require_head(model_dir, read, checkpoint, found);
  model.config = found.config;
  model.tokenizer_class = read.tokenizer_class;
  model.device = options.device;
  model.task = found.task;
  model.tokenizer = load_tokenizer(model_dir);
  require_vocabulary(model_dir, model.config, model.tokenizer->vocab_size());
  WeightLoader weights(checkpoint, WeightMemory::kOwned);
  weights.place({.device = options.device});
  model.encoder = make_encoder(model.config, weights);
  if (model.config.task == TaskKind::kSpan) {
    model.head = make_span_head(model.config, weights, options);
  } else {
    model.head = make_pooled_head(model.config, weights, options, found.keeps_output);
  }
  weights.finish(other_heads(model.config));
  model.layout = make_segment_layout(model.config, model.tokenizer->special_tokens());
  for (const Parameter& parameter : model.parameters()) {
    parameter.value.set_requires_grad(is_trained(parameter, model.config, options));
  }
  return model;
}

NamedTensors named_weights(const std::vector<Parameter>& parameters) {
  NamedTensors named;
  for (const Parameter& parameter : parameters) {
    const auto parts =
        parameter.value.detach().chunk(static_cast<std::int64_t>(parameter.names.size()), 0);
    for (std::size_t i = 0; i < parts.size(); ++i) named.emplace_back(parameter.names[i], parts[i]);
  }
  return named;
}

void refuse_other_models_files(const std::filesystem::path& tokenizer_dir,
                               const std::filesystem::path& model_dir) {
  const auto refuse_where_there = [&](const char* name) {
    if (!is_there(model_dir / name)) return;
    throw Error(ErrorCode::kInvalidArgument,
                (model_dir / name).string() +
                    ": expected no file of another model in the output directory, found one; "
                    "remove it or give another directory");
  };
  refuse_where_there("model.safetensors.index.json");
  for (const char* name : kTokenizerFiles) {
    if (!is_there(tokenizer_dir / name)) refuse_where_there(name);
  }
}

void save_training_model(const TrainingModel& model, const std::filesystem::path& tokenizer_dir,
                         const std::filesystem::path& model_dir, SaveFormat format) {
  make_directories(model_dir);
  for (const char* name : kTokenizerFiles) {
    if (!is_there(tokenizer_dir / name)) continue;
    write_file(model_dir / name, read_file(tokenizer_dir / name));
  }
  write_checkpoint(model_dir, named_weights(model.parameters()), dtype_of(format));
  save_model_config(model.config, model_dir, model.tokenizer_class);
}

}  // namespace deformer
