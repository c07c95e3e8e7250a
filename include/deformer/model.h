// A loaded model: the configuration, tokenizer and weights that all encode and answer steps share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/export.h"
#include "deformer/model_config.h"
#include "deformer/runtime.h"
#include "deformer/tokenizer.h"
#include "deformer/types.h"

namespace deformer {

class Encoder;
struct ModelAccess;

/// How Model::load() reads a model directory.
struct LoadOptions {
  Runtime runtime = {};
  std::optional<int> split_layer = {};  ///< overrides config.json
  std::optional<Layout> layout = {};    ///< overrides config.json
  std::optional<Task> task = {};        ///< see load_model_config()
  std::string tokenizer_file = {};      ///< see load_tokenizer(); empty: the first that is there
};

/// For Model::random(); the weights' standard deviation is ModelConfig::initializer_range.
struct RandomModelOptions {
  Runtime runtime = {};    ///< WeightType::kAuto is kFp32: there is no file that says otherwise
  std::uint64_t seed = 1;  ///< of the weights
};

/// Lengths in tokens as in SplitConfig; absent: the model's own.
struct ReadingLengths {
  std::optional<int> max_question_tokens = {};
  std::optional<int> window_tokens = {};
  std::optional<int> window_step = {};
};

/// A model directory in memory. Immutable, safe for concurrent calls; shared by the tasks that use
/// it.
class DEFORMER_EXPORT Model {
 public:
  /// Loads config.json, the tokenizer and model.safetensors (or model.safetensors.index.json with
  /// its shards). Heads are loaded as the weights hold them: for spans, for classes or choices,
  /// both or none. Throws kNotFound, kCorrupt, kUnsupported, kIncompatible; one error lists all
  /// missing, unexpected and misshapen tensors.
  [[nodiscard]] static std::shared_ptr<const Model> load(const std::filesystem::path& model_dir,
                                                         const LoadOptions& options = {});

  /// A model with a span head and new random weights, without a file: for measuring, where only
  /// sizes matter (published_model_config() has those of known models). Equal arguments give equal
  /// weights and so one fingerprint, as long as LibTorch is the same. There is no vocabulary: the
  /// tokenizer reads ids in decimal, "17 4 2301", and throws kUnsupported for any other text.
  /// Throws kIncompatible as validate(), kUnsupported.
  [[nodiscard]] static std::shared_ptr<const Model> random(const ModelConfig& config,
                                                           const RandomModelOptions& options = {});

  /// The same weights, shared and not copied, split elsewhere: 0 makes the ordinary joint model of
  /// a decomposed one. Throws kIncompatible as validate().
  [[nodiscard]] std::shared_ptr<const Model> with_split_layer(int split_layer) const;

  /// The same weights, shared and not copied, for texts of other lengths. Another window makes
  /// another fingerprint(): stores are not shared. Throws kIncompatible as validate().
  [[nodiscard]] std::shared_ptr<const Model> with_lengths(const ReadingLengths& lengths) const;

  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// What messages call it: the file of its weights, "model" where there is none.
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const ModelConfig& config() const noexcept;
  [[nodiscard]] const Tokenizer& tokenizer() const noexcept;
  /// False where what the lower layers make of a passage depends on its question: layout `continue`
  /// of BERT and its relatives. Then a passage cannot be encoded beforehand, and its windows may
  /// depend on the question too (AnswerOptions::sequence).
  [[nodiscard]] bool can_store_passages() const noexcept;
  /// Computed at the first call (a hash over the lower weights), then kept.
  [[nodiscard]] const Fingerprint& fingerprint() const;
  /// Hash of what EncodedPassage::projections depend on beside the states: the weights of the
  /// first upper layer's attention. Never 0. Computed at the first call, then kept.
  [[nodiscard]] std::uint64_t projection_hash() const;
  [[nodiscard]] const Runtime& runtime() const noexcept;
  [[nodiscard]] std::int64_t num_parameters() const noexcept;

  /// For code that works on tensors (encoder.h).
  [[nodiscard]] const Encoder& encoder() const noexcept;

 private:
  friend struct ModelAccess;  // of the library itself
  struct State;
  explicit Model(std::unique_ptr<State> state);
  [[nodiscard]] std::shared_ptr<const Model> with_split(const SplitConfig& split) const;

  std::unique_ptr<State> state_;
};

}  // namespace deformer
