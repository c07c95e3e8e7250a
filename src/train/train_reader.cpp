#include "train/train_reader.h"

#include <ATen/ATen.h>

#include <string>
#include <utility>

#include "base/file.h"
#include "deformer/error.h"
#include "model/architecture.h"
#include "model/checkpoint.h"
#include "model/config.h"

namespace deformer {
namespace {

// Tokenizer files of all kinds; a model directory holds some of them.
constexpr const char* kTokenizerFiles[] = {"vocab.txt", "spiece.model", "tokenizer_config.json"};

ModelConfig load_config(const std::filesystem::path& model_dir, const TrainReaderOptions& options) {
  ModelConfig config = load_model_config(model_dir);
  Layout layout = config.split.layout;
  if (layout == Layout::kContinue) layout = default_layout(config.architecture);
  layout = options.layout.value_or(layout);
  if (config.split.layout != layout) {
    const int split_layer = config.split.split_layer;
    config.split = default_split(config, layout);
    config.split.split_layer = split_layer;
  }
  if (options.split_layer) config.split.split_layer = *options.split_layer;
  validate(config);
  return config;
}

// A new head: normal weights as the encoder's were, no bias.
std::unique_ptr<const SpanHead> make_new_head(const ModelConfig& config,
                                              const TrainReaderOptions& options) {
  at::Generator generator = at::detail::createCPUGenerator(options.seed);
  const at::Tensor weight =
      at::normal(0.0, config.initializer_range, {2, config.hidden_size}, generator);
  return std::make_unique<const SpanHead>(weight.to(options.device),
                                          at::zeros({2}, at::device(options.device)));
}

void require_equal(const char* what, std::int64_t expected, std::int64_t found) {
  if (expected == found) return;
  throw Error(ErrorCode::kIncompatible, std::string("teacher: expected ") + what + " " +
                                            std::to_string(expected) + " as the model has, found " +
                                            std::to_string(found));
}

Dtype dtype_of(SaveFormat format) {
  switch (format) {
    case SaveFormat::kFp32:
      return Dtype::kF32;
    case SaveFormat::kFp16:
      return Dtype::kF16;
    case SaveFormat::kBf16:
      return Dtype::kBf16;
  }
  return Dtype::kF32;
}

}  // namespace

std::vector<Parameter> TrainReader::parameters() const {
  std::vector<Parameter> all = encoder->parameters();
  head->append_parameters(all);
  return all;
}

TrainReader load_train_reader(const std::filesystem::path& model_dir,
                              const TrainReaderOptions& options) {
  TrainReader reader;
  reader.config = load_config(model_dir, options);
  reader.tokenizer = load_tokenizer(model_dir);
  require_vocabulary(model_dir, reader.config, reader.tokenizer->vocab_size());
  const Checkpoint checkpoint = Checkpoint::open(model_dir);
  WeightLoader weights(checkpoint, {.kind = WeightMemory::kOwned, .device = options.device});
  reader.encoder = make_encoder(reader.config, weights);
  const WeightScope head(weights, SpanHead::kName);
  reader.head = make_span_task_head(
      head.has("weight") ? std::make_unique<const SpanHead>(reader.config.hidden_size, head)
                         : make_new_head(reader.config, options));
  weights.finish();
  reader.layout = make_segment_layout(reader.config, reader.tokenizer->special_tokens());
  for (const Parameter& parameter : reader.parameters()) {
    parameter.value.set_requires_grad(options.trainable);
  }
  return reader;
}

void require_same_shape(const TrainReader& student, const TrainReader& teacher) {
  const ModelConfig& ours = student.config;
  const ModelConfig& theirs = teacher.config;
  require_equal("hidden_size", ours.hidden_size, theirs.hidden_size);
  require_equal("num_hidden_layers", ours.num_hidden_layers, theirs.num_hidden_layers);
  if (ours.architecture != theirs.architecture) {
    throw Error(ErrorCode::kIncompatible, "teacher: expected architecture " +
                                              to_string(ours.architecture) + ", found " +
                                              to_string(theirs.architecture));
  }
  if (student.tokenizer->hash() != teacher.tokenizer->hash()) {
    throw Error(ErrorCode::kIncompatible,
                "teacher: expected the model's tokenizer, found another vocabulary or options");
  }
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

void save_reader(const TrainReader& reader, const std::filesystem::path& tokenizer_dir,
                 const std::filesystem::path& model_dir, SaveFormat format) {
  make_directories(model_dir);
  for (const char* name : kTokenizerFiles) {
    if (!std::filesystem::exists(tokenizer_dir / name)) continue;
    write_file(model_dir / name, read_file(tokenizer_dir / name));
  }
  write_checkpoint(model_dir, named_weights(reader.parameters()), dtype_of(format));
  save_model_config(reader.config, model_dir);
}

}  // namespace deformer
