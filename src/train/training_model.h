// A model whose weights can be changed: what Model is for answering, without its mapped files.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "deformer/model_config.h"
#include "deformer/tokenizer.h"
#include "deformer/training.h"
#include "model/head.h"
#include "model/weights.h"

namespace deformer {

/// Everything a training pass needs. Weights own their memory, fp32, on `device`.
struct TrainingModel {
  ModelConfig config;
  Device device = Device::kCpu;  ///< of the weights
  Task task;                     ///< what it was loaded for
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string tokenizer_class;  ///< see ReadConfig
  std::unique_ptr<const SegmentLayout> layout;
  std::unique_ptr<const Encoder> encoder;
  std::shared_ptr<const Head> head;

  /// A model that answers with the weights as they are now, and as they become: they are shared.
  /// fp32, on the weights' device; it belongs to no store.
  [[nodiscard]] std::shared_ptr<const Model> model(int split_layer) const;

  /// Of encoder and head, each once; they share memory with them.
  [[nodiscard]] std::vector<Parameter> parameters() const;
  /// Those of them that want a gradient.
  [[nodiscard]] std::vector<Parameter> trained_parameters() const;
};

struct TrainingModelOptions {
  std::optional<Task> task = {};       ///< see TrainingOptions::task
  std::optional<Layout> layout = {};   ///< see TrainingOptions::layout
  std::vector<int> split_layers = {};  ///< see TrainingOptions::split_layers
  std::vector<int> layers = {};        ///< see TrainingOptions::layers
  Device device = Device::kCpu;
  std::uint64_t seed = 1;            ///< of a head that the directory lacks
  bool needs_head = false;           ///< throws kIncompatible where the task's head is not there
  bool trainable = true;             ///< gradients are wanted, except for what the next two say
  int freeze_layers = 0;             ///< see TrainingOptions::freeze_layers
  bool train_distance_bias = false;  ///< see TrainingOptions::train_distance_bias
};

/// Loads a model directory. One without a `deformer` object (an ordinary checkpoint) gets the
/// published window and question lengths, as far as its position table allows; so does one of
/// another task. Another layout than its own leaves a directory's lengths as they are, as far as
/// that table allows. A head of another task, or whose classes are no choice of one label, is left
/// out. Throws as Model::load, and kIncompatible when the layout does not allow the split.
[[nodiscard]] TrainingModel load_training_model(const std::filesystem::path& model_dir,
                                                const TrainingModelOptions& options);

/// Numbers that the head of a pooled task gives for a pair: one a class, one for a choice.
[[nodiscard]] std::int64_t head_outputs(TaskKind kind, const std::vector<std::string>& labels);

/// Weights by the checkpoint's names.
[[nodiscard]] NamedTensors named_weights(const std::vector<Parameter>& parameters);

/// Throws kInvalidArgument where `model_dir` holds a file that would make another model of the one
/// that save_training_model() writes there: a tokenizer of a kind that `tokenizer_dir` lacks, an
/// index of shards.
void refuse_other_models_files(const std::filesystem::path& tokenizer_dir,
                               const std::filesystem::path& model_dir);

/// Writes a complete model directory: tokenizer files are copied from `tokenizer_dir`. Creates the
/// directory. Throws kIo, kResourceExhausted, kInvalidArgument for a weight that the format cannot
/// hold.
void save_training_model(const TrainingModel& model, const std::filesystem::path& tokenizer_dir,
                         const std::filesystem::path& model_dir, SaveFormat format);

}  // namespace deformer
