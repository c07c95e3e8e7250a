// Turns checkpoints of other programs into model directories: Hugging Face's files and
// TensorFlow's checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deformer/export.h"
#include "deformer/model_config.h"
#include "deformer/types.h"

namespace deformer {

struct ConvertOptions {
  /// The vocabulary. Empty: the architecture's own file (docs/model_format.md) or bert.vocab, else
  /// tokenizer.json, beside the checkpoint or in the directory above.
  std::filesystem::path vocabulary = {};
  /// Lower-casing of the tokenizer. Absent: what tokenizer_config.json, the configuration or the
  /// name of the directory ("uncased", "cased") says; else BERT's is lower-case, XLNet's is not.
  std::optional<bool> lower_case = {};
  /// Element type of the weights written. Absent: the source's, where all its weights have one of
  /// these, 8 bits included, whose values and scales are copied as they are; else fp32.
  std::optional<SaveFormat> format = {};
  /// Both are put into the `deformer` object of config.json. Absent: what the source says, by
  /// configuration or by DeFormer's scopes; else an ordinary checkpoint stays one.
  std::optional<int> split_layer = {};
  std::optional<Layout> layout = {};
  /// Most bytes of tensors in one file: more become shards with an index, a larger tensor one of
  /// its own. 0: one file.
  std::int64_t max_shard_bytes = 0;
  bool allow_unused = false;  ///< tensors that no model uses are left out instead of refused
  bool force = false;         ///< replaces the model that the target directory holds
};

/// Why a tensor is left out without being asked for.
enum class SkipReason : std::uint8_t {
  kOptimizer,        ///< slots and counters of the training
  kBuffer,           ///< numbers that follow from the sizes: position ids
  kPretrainingHead,  ///< masked words, next sentence, language model
  kTeacher,          ///< of a checkpoint that holds teacher and student
  kAnswerClass,  ///< csarron/xlnet's class of an answer, which is trained beside every span head
  kNotNumbers,   ///< strings and types of numbers that no weight has
};
/// "optimiser", "buffer", "pretraining head", "teacher", "answer class", "no numbers". Never null.
[[nodiscard]] DEFORMER_EXPORT const char* to_string(SkipReason reason) noexcept;

struct MappedTensor {
  std::string source;  ///< as the source spells it; may stand in several entries
  std::string name;    ///< in model.safetensors
};

struct SkippedTensor {
  std::string source;
  SkipReason reason = SkipReason::kBuffer;
};

struct ConvertReport {
  std::string source;                ///< kind and path of what was read
  ModelConfig config;                ///< as the new directory has it
  std::string sizes_from;            ///< the configuration's path, or that the shapes told
  std::filesystem::path vocabulary;  ///< the file that was copied
  bool lower_case = false;
  std::string dtype;                   ///< of the weights written: "F32", "F16", "BF16", "I8"
  std::vector<MappedTensor> mapped;    ///< by `name`
  std::vector<SkippedTensor> skipped;  ///< by `source`
  std::vector<std::string> unused;     ///< left out because of allow_unused
  bool span_head = false;              ///< without one the model has to be trained
  bool class_head = false;             ///< `classifier.*` or `logits_proj.*`
};

/// Reads `from` and writes the model directory `to` (docs/model_format.md): config.json,
/// model.safetensors or its shards, the vocabulary, tokenizer_config.json. `from` is
///   - a Hugging Face directory: config.json with model.safetensors or pytorch_model.bin,
///     whole or in shards. A pickle is read without running anything of it;
///   - a TensorFlow checkpoint, by its prefix, one of its files or its directory: Google's BERT,
///     the original DeFormer's scopes, XLNet. Sizes come from bert_config.json or xlnet_config.json
///     beside it or above, else from the shapes (BERT: heads of 64).
/// Weights keep their bits unless the element type changes, which rounds to nearest even.
///
/// Everything is checked before anything is written, and a failure leaves `to` as it was; only
/// when an existing directory is filled, an interruption between the renames can leave it without
/// a config.json. Errors: kNotFound, kCorrupt, kIncompatible (missing, misshapen and unused tensors
/// in one message), kUnsupported, kInvalidArgument (a model is there and `force` is not set; a
/// value that the element type cannot hold), kIo, kResourceExhausted.
DEFORMER_EXPORT ConvertReport convert_model(const std::filesystem::path& from,
                                            const std::filesystem::path& to,
                                            const ConvertOptions& options = {});

}  // namespace deformer
