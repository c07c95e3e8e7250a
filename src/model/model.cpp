#include "deformer/model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <bit>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "architecture/config.h"
#include "architecture/segment_layout.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/quote.h"
#include "deformer/encoder.h"
#include "deformer/error.h"
#include "model/fastest_precision.h"
#include "model/head.h"
#include "model/make_encoder.h"
#include "model/model_access.h"
#include "model/pooled_head.h"
#include "model/span_head.h"
#include "model/weights.h"
#include "nn/fp16_weight.h"
#include "nn/guard.h"
#include "nn/inference_scope.h"
#include "nn/placement.h"
#include "text/id_tokenizer.h"

namespace deformer {
namespace {

void require_supported(const Runtime& runtime) {
  nn::require_supported(runtime.device, runtime.precision);
  if (runtime.threads < 0 || runtime.threads > kMaxThreads) {
    throw Error(ErrorCode::kInvalidArgument, "threads: expected 0 to " +
                                                 std::to_string(kMaxThreads) + ", found " +
                                                 std::to_string(runtime.threads));
  }
}

ModelConfig load_config(const std::filesystem::path& model_dir, const LoadOptions& options) {
  ModelConfig config = load_model_config(model_dir, options.task);
  if (options.layout) config.split.layout = *options.layout;
  if (options.split_layer) config.split.split_layer = *options.split_layer;
  validate(config);
  return config;
}

Precision choose_precision(const Runtime& wanted, const ModelConfig& config) {
  if (wanted.precision != Precision::kAuto) return wanted.precision;
  if (wanted.device == Device::kCuda) return Precision::kFp16;
  if (wanted.weights == WeightType::kFp16) return Precision::kFp32;  // its only one
  return fastest_precision(config);
}

// `checkpoint`: null for random weights.
WeightType choose_weights(const Runtime& runtime, const Checkpoint* checkpoint) {
  const bool fp32 = runtime.device == Device::kCpu && runtime.precision == Precision::kFp32;
  if (runtime.weights == WeightType::kFp16) {
    if (fp32 && nn::has_fp16_weights()) return WeightType::kFp16;
    throw Error(
        ErrorCode::kUnsupported,
        "weights fp16: expected device cpu, precision fp32 and FBGEMM's product in LibTorch, "
        "found device " +
            to_string(runtime.device) + ", precision " + to_string(runtime.precision) +
            (fp32 ? " and no such product" : ""));
  }
  // 8 bits have rounded a weight by some 60 times as much as fp16 rounds what comes of them.
  const bool fits = checkpoint != nullptr &&
                    (checkpoint->is_stored_in(Dtype::kF16) || checkpoint->is_stored_in_int8());
  const bool wanted = runtime.weights == WeightType::kAuto && fp32 && fits;
  return wanted && nn::has_fp16_weights() ? WeightType::kFp16 : WeightType::kFp32;
}

// What the weights were made from.
struct WeightOrigin {
  std::optional<Checkpoint> checkpoint = {};  // absent: random
  std::uint64_t seed = 0;                     // of random weights
};

using WeightTest = bool (*)(const ModelConfig& config, std::string_view name);

void hash_checkpoint(Hasher& hasher, const ModelConfig& config, const Checkpoint& checkpoint,
                     WeightTest is_wanted) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    // A buffer that some versions of a program write and others do not makes no other model.
    if (is_wanted(config, name) && !is_commonly_unused(name, checkpoint.architecture()))
      names.push_back(name);
  }
  checkpoint.hash_into(hasher, names);
}

// Names and shapes follow from the sizes, values from the seed and LibTorch's generator.
void hash_random(Hasher& hasher, const ModelConfig& config, std::uint64_t seed) {
  hasher.add(std::string_view("random weights")).add(std::string_view(TORCH_VERSION));
  hasher.add(static_cast<std::int64_t>(seed));
  hasher.add(std::bit_cast<std::int64_t>(config.initializer_range));
  for (const std::int64_t size : {config.vocab_size, config.hidden_size, config.intermediate_size,
                                  config.max_position_embeddings, config.type_vocab_size}) {
    hasher.add(size);
  }
  if (config.embedding_size > 0) hasher.add(config.embedding_size);
}

// What of them the shapes of weights do not say. Added for architectures that have them alone.
void hash_distances(Hasher& hasher, const DistanceConfig& distances) {
  if (distances.longest == 0) return;
  hasher.add(std::string_view("distances")).add(distances.longest).add(distances.buckets);
  hasher.add(std::int64_t{distances.shares_projections}).add(std::int64_t{distances.normalised});
  hasher.add(distances.convolution_rows);
}

// Everything that a hidden state after the lower layers depends on, in a fixed order. The first
// field numbers this recipe: raise it when the computation changes.
Fingerprint compute_fingerprint(const ModelConfig& config, const Tokenizer& tokenizer,
                                const WeightOrigin& origin) {
  Hasher hasher;
  hasher.add(std::int64_t{1});
  hasher.add(config.architecture).add(to_string(config.hidden_act));
  hasher.add(config.num_attention_heads).add(std::bit_cast<std::int64_t>(config.layer_norm_eps));
  hasher.add(static_cast<std::int64_t>(tokenizer.hash()));
  const SplitConfig& split = config.split;
  hasher.add(to_string(split.layout)).add(std::int64_t{split.split_layer});
  hasher.add(std::int64_t{split.window_tokens}).add(std::int64_t{split.window_step});
  // Readers for spans were first: what other tasks change is added for them alone.
  if (config.task != TaskKind::kSpan) {
    hasher.add(std::string("first window")).add(to_string(passage_place(config)));
  }
  hash_distances(hasher, config.distances);
  if (origin.checkpoint) {
    hash_checkpoint(hasher, config, *origin.checkpoint, is_lower_weight);
  } else {
    hash_random(hasher, config, origin.seed);
  }
  const Hash128 digest = hasher.digest128();
  return {digest.high, digest.low};
}

// The states have the fingerprint, which is compared first.
std::uint64_t compute_projection_hash(const ModelConfig& config, const WeightOrigin& origin) {
  constexpr std::uint64_t kInsteadOfZero = 1;
  Hasher hasher;
  hasher.add(std::int64_t{1});
  if (origin.checkpoint) {
    hash_checkpoint(hasher, config, *origin.checkpoint, is_projection_weight);
  } else {
    hash_random(hasher, config, origin.seed);
  }
  const std::uint64_t digest = hasher.digest64();
  return digest != 0 ? digest : kInsteadOfZero;
}

// All that the weights hold are taken; the one for the model's task is returned, null without it.
std::shared_ptr<const Head> load_heads(const ModelConfig& config, WeightLoader& weights) {
  const WeightScope scope(weights, SpanHead::kName);
  std::shared_ptr<const Head> span;
  if (scope.has("weight")) span = std::make_shared<const SpanHead>(config.hidden_size, scope);
  std::shared_ptr<const Head> pooled = load_pooled_head(config, weights);
  return config.task == TaskKind::kSpan ? span : pooled;
}

// Of the tensors that a model may read.
std::optional<std::string> find_weight_fault(const Checkpoint& checkpoint) {
  const nn::InferenceScope inference;
  WeightLoader weights(checkpoint);
  for (const auto& [name, stored] : checkpoint.tensors()) {
    if (is_commonly_unused(name, checkpoint.architecture())) continue;
    const std::optional<at::Tensor> values = weights.find_values(name);
    const auto fault = values ? find_non_finite(*values) : std::nullopt;
    if (fault) {
      return checkpoint.path().string() + ": tensor " + in_quotes(stored.view.name) + ": " + *fault;
    }
  }
  return std::nullopt;
}

}  // namespace

struct Model::State {
  std::string name = "model";
  ModelConfig config;
  Runtime runtime;
  // Models that differ in the split alone share these.
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const WeightOrigin> origin;  // null where the parts came from elsewhere
  std::shared_ptr<const Head> head;
  std::unique_ptr<const SegmentLayout> segment_layout;
  std::unique_ptr<const Encoder> encoder;
  std::int64_t num_parameters = 0;
  std::once_flag fingerprint_once;
  Fingerprint fingerprint;
  std::once_flag projection_hash_once;
  std::uint64_t projection_hash = 0;
  std::once_flag weight_fault_once;
  std::optional<std::string> weight_fault;

  void find_fingerprint() {
    DEFORMER_CHECK(origin != nullptr);
    fingerprint = compute_fingerprint(config, *tokenizer, *origin);
  }
  void find_projection_hash() {
    DEFORMER_CHECK(origin != nullptr);
    projection_hash = compute_projection_hash(config, *origin);
  }
};

std::shared_ptr<const Model> Model::load(const std::filesystem::path& model_dir,
                                         const LoadOptions& options) {
  return nn::guarded([&] {
    auto state = std::make_unique<State>();
    state->runtime = options.runtime;
    require_supported(state->runtime);
    state->config = load_config(model_dir, options);
    state->tokenizer = load_tokenizer(model_dir, options.tokenizer_file);
    const Checkpoint checkpoint = Checkpoint::open(model_dir, architecture_of(state->config));
    state->name = checkpoint.path().string();
    state->origin = std::make_shared<const WeightOrigin>(WeightOrigin{.checkpoint = checkpoint});
    require_vocabulary(model_dir, state->config, state->tokenizer->vocab_size());
    if (options.runtime.threads > 0) at::set_num_threads(options.runtime.threads);
    state->runtime.precision = choose_precision(state->runtime, state->config);
    state->runtime.weights = choose_weights(state->runtime, &checkpoint);
    const nn::InferenceScope inference;
    WeightLoader weights(checkpoint);
    weights.place(state->runtime);
    state->encoder = make_encoder(state->config, weights);
    state->head = load_heads(state->config, weights);
    weights.finish();
    state->segment_layout = make_segment_layout(state->config, state->tokenizer->special_tokens());
    state->num_parameters = weights.taken_values();
    return std::shared_ptr<const Model>(new Model(std::move(state)));
  });
}

std::shared_ptr<const Model> Model::random(const ModelConfig& config,
                                           const RandomModelOptions& options) {
  return nn::guarded([&] {
    auto state = std::make_unique<State>();
    state->runtime = options.runtime;
    require_supported(state->runtime);
    validate(config);
    state->config = config;
    state->tokenizer = std::make_shared<const IdTokenizer>(config.vocab_size);
    state->origin = std::make_shared<const WeightOrigin>(WeightOrigin{.seed = options.seed});
    if (options.runtime.threads > 0) at::set_num_threads(options.runtime.threads);
    state->runtime.precision = choose_precision(state->runtime, config);
    state->runtime.weights = choose_weights(state->runtime, nullptr);
    const nn::InferenceScope inference;
    WeightLoader weights(
        RandomWeights{.deviation = config.initializer_range, .seed = options.seed});
    weights.place(state->runtime);
    state->encoder = make_encoder(config, weights);
    state->head =
        std::make_shared<const SpanHead>(config.hidden_size, WeightScope(weights, SpanHead::kName));
    state->segment_layout = make_segment_layout(config, state->tokenizer->special_tokens());
    state->num_parameters = weights.taken_values();
    return std::shared_ptr<const Model>(new Model(std::move(state)));
  });
}

std::shared_ptr<const Model> Model::with_split_layer(int split_layer) const {
  SplitConfig split = state_->config.split;
  split.split_layer = split_layer;
  return with_split(split);
}

std::shared_ptr<const Model> Model::with_lengths(const ReadingLengths& lengths) const {
  SplitConfig split = state_->config.split;
  split.max_question_tokens = lengths.max_question_tokens.value_or(split.max_question_tokens);
  split.window_tokens = lengths.window_tokens.value_or(split.window_tokens);
  split.window_step = lengths.window_step.value_or(split.window_step);
  // As the same lengths in a file would be read.
  if (state_->config.task != TaskKind::kSpan) {
    split.window_step = usual_window_step(split.window_tokens);
  }
  return with_split(split);
}

std::shared_ptr<const Model> Model::with_split(const SplitConfig& split) const {
  return nn::guarded([&] {
    ModelConfig config = state_->config;
    config.split = split;
    validate(config);
    auto state = std::make_unique<State>();
    state->name = state_->name;
    state->config = config;
    state->runtime = state_->runtime;
    state->tokenizer = state_->tokenizer;
    state->origin = state_->origin;
    state->head = state_->head;
    state->segment_layout = make_segment_layout(config, state->tokenizer->special_tokens());
    state->encoder = state_->encoder->with_split(split);
    state->num_parameters = state_->num_parameters;
    return std::shared_ptr<const Model>(new Model(std::move(state)));
  });
}

std::shared_ptr<const Model> ModelAccess::assemble(ModelParts parts) {
  auto state = std::make_unique<Model::State>();
  state->config = std::move(parts.config);
  state->runtime = parts.runtime;
  state->tokenizer = std::move(parts.tokenizer);
  state->head = std::move(parts.head);
  state->encoder = std::move(parts.encoder);
  state->segment_layout = make_segment_layout(state->config, state->tokenizer->special_tokens());
  return std::shared_ptr<const Model>(new Model(std::move(state)));
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

const std::string& Model::name() const noexcept {
  return state_->name;
}
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
const SegmentLayout& ModelAccess::layout(const Model& model) noexcept {
  return *model.state_->segment_layout;
}
bool Model::can_store_passages() const noexcept {
  return !state_->segment_layout->passage_depends_on_question();
}
const Head* ModelAccess::head(const Model& model) noexcept {
  return model.state_->head.get();
}

const std::optional<std::string>& ModelAccess::find_non_finite_weight(const Model& model) {
  Model::State& state = *model.state_;
  // All weights are read, and the model does not change: once is enough.
  std::call_once(state.weight_fault_once, [&] {
    if (state.origin && state.origin->checkpoint) {
      state.weight_fault = find_weight_fault(*state.origin->checkpoint);
    }
  });
  return state.weight_fault;
}

const Fingerprint& Model::fingerprint() const {
  nn::guarded(
      [this] { std::call_once(state_->fingerprint_once, &State::find_fingerprint, state_.get()); });
  return state_->fingerprint;
}

std::uint64_t Model::projection_hash() const {
  nn::guarded([this] {
    std::call_once(state_->projection_hash_once, &State::find_projection_hash, state_.get());
  });
  return state_->projection_hash;
}

}  // namespace deformer
