#include "deformer/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <bit>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "deformer/encoder.h"
#include "deformer/error.h"
#include "model/architecture.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/pooled_head.h"
#include "model/segment_layout.h"
#include "model/span_head.h"
#include "model/weights.h"
#include "nn/guard.h"
#include "nn/int8_weight.h"

namespace deformer {
namespace {

void require_supported(const LoadOptions& options) {
  if (options.device != Device::kCpu) {
    throw Error(ErrorCode::kUnsupported, "device " + to_string(options.device) +
                                             " with precision " + to_string(options.precision) +
                                             ": expected cpu with fp32 or int8");
  }
  if (options.precision == Precision::kInt8 && !nn::has_int8()) {
    throw Error(ErrorCode::kUnsupported,
                "precision int8: expected a LibTorch with oneDNN, found one without");
  }
  if (options.threads < 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "threads: expected 0 or more, found " + std::to_string(options.threads));
  }
}

ModelConfig load_config(const std::filesystem::path& model_dir, const LoadOptions& options) {
  ModelConfig config = load_model_config(model_dir, options.task);
  if (options.layout) config.split.layout = *options.layout;
  if (options.split_layer) config.split.split_layer = *options.split_layer;
  validate(config);
  return config;
}

// Everything that a hidden state after the lower layers depends on, in a fixed order. The first
// field numbers this recipe: raise it when the computation changes.
Fingerprint compute_fingerprint(const ModelConfig& config, const Tokenizer& tokenizer,
                                const Checkpoint& checkpoint) {
  Hasher hasher;
  hasher.add(std::int64_t{1});
  hasher.add(to_string(config.architecture)).add(to_string(config.hidden_act));
  hasher.add(config.num_attention_heads).add(std::bit_cast<std::int64_t>(config.layer_norm_eps));
  hasher.add(static_cast<std::int64_t>(tokenizer.hash()));
  const SplitConfig& split = config.split;
  hasher.add(to_string(split.layout)).add(std::int64_t{split.split_layer});
  hasher.add(std::int64_t{split.window_tokens}).add(std::int64_t{split.window_step});
  // Readers for spans were first: what other tasks change is added for them alone.
  if (config.task != Task::kSpan) {
    hasher.add(std::string("first window")).add(to_string(passage_place(config)));
  }
  std::vector<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (is_lower_weight(config, name)) names.push_back(name);
  }
  checkpoint.hash_into(hasher, names);
  const Hash128 digest = hasher.digest128();
  return {digest.high, digest.low};
}

}  // namespace

struct Model::State {
  State(ModelConfig model_config, std::unique_ptr<const Tokenizer> model_tokenizer,
        Checkpoint model_checkpoint)
      : config(std::move(model_config)),
        tokenizer(std::move(model_tokenizer)),
        checkpoint(std::move(model_checkpoint)) {}

  ModelConfig config;
  Runtime runtime;
  std::unique_ptr<const Tokenizer> tokenizer;
  Checkpoint checkpoint;
  std::unique_ptr<const SegmentLayout> segment_layout;
  std::unique_ptr<const Encoder> encoder;
  std::unique_ptr<const SpanHead> span_head;
  std::unique_ptr<const PooledHead> pooled_head;
  std::int64_t num_parameters = 0;
  std::once_flag fingerprint_once;
  Fingerprint fingerprint;
};

std::shared_ptr<const Model> Model::load(const std::filesystem::path& model_dir,
                                         const LoadOptions& options) {
  return nn::guarded([&] {
    require_supported(options);
    auto state = std::make_unique<State>(load_config(model_dir, options), load_tokenizer(model_dir),
                                         Checkpoint::open(model_dir));
    require_vocabulary(model_dir, state->config, state->tokenizer->vocab_size());
    state->runtime = {options.device, options.precision, options.threads};
    if (options.threads > 0) at::set_num_threads(options.threads);
    const c10::InferenceMode inference;
    WeightLoader weights(state->checkpoint);
    weights.set_precision(options.precision);
    state->encoder = make_encoder(state->config, weights);
    const WeightScope head(weights, SpanHead::kName);
    if (head.has("weight")) {
      state->span_head = std::make_unique<const SpanHead>(state->config.hidden_size, head);
    }
    state->pooled_head = load_pooled_head(state->config, weights);
    weights.finish();
    state->segment_layout = make_segment_layout(state->config, state->tokenizer->special_tokens());
    state->num_parameters = weights.taken_values();
    return std::shared_ptr<const Model>(new Model(std::move(state)));
  });
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

const ModelConfig& Model::config() const noexcept {
  return state_->config;
}
const Tokenizer& Model::tokenizer() const noexcept {
  return *state_->tokenizer;
}
const Runtime& Model::runtime() const noexcept {
  return state_->runtime;
}
std::int64_t Model::num_parameters() const noexcept {
  return state_->num_parameters;
}
const Encoder& Model::encoder() const noexcept {
  return *state_->encoder;
}
const SegmentLayout& Model::segment_layout() const noexcept {
  return *state_->segment_layout;
}
const SpanHead* Model::span_head() const noexcept {
  return state_->span_head.get();
}

const PooledHead* Model::pooled_head() const noexcept {
  return state_->pooled_head.get();
}

const Fingerprint& Model::fingerprint() const {
  std::call_once(state_->fingerprint_once, [this] {
    state_->fingerprint =
        compute_fingerprint(state_->config, *state_->tokenizer, state_->checkpoint);
  });
  return state_->fingerprint;
}

}  // namespace deformer
