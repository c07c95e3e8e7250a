// Small value types that all parts of the library share: places in a text, what the layers take,
// what a model answers, and in which form numbers are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"

namespace deformer {

// ---- Places in a text

/// Half-open range of *bytes* of a UTF-8 text.
struct ByteSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

/// One window of a passage: tokens [first_token, first_token + num_tokens) of the passage, before
/// special tokens.
struct Window {
  std::uint32_t first_token = 0;
  std::uint32_t num_tokens = 0;

  friend bool operator==(const Window&, const Window&) = default;
};

// ---- What the lower layers take

/// The passage is what is computed once and reused, the question what is read anew (TaskKind).
enum class SegmentRole : std::uint8_t { kQuestion, kPassage };

/// A question or a window of a passage, special tokens included.
struct Segment {
  SegmentRole role = SegmentRole::kPassage;
  std::vector<std::int32_t> ids = {};
  std::vector<std::int32_t> positions = {};  ///< one per id
  std::int32_t type_id = 0;  ///< token type of all ids; XLNet goes by `role` and passage_place()
};

// ---- What a model answers

/// The kind of answer to a *question*, the text that is read anew, about a *passage*, the text that
/// is encoded once and reused.
enum class TaskKind : std::uint8_t {
  kSpan,     ///< a span of the passage
  kClasses,  ///< one of the labels that the model has
  kChoice,   ///< one of the options that the question has, each of them a question of its own
};

/// "span", "classes", "choice".
[[nodiscard]] DEFORMER_EXPORT std::string to_string(TaskKind kind);

/// A kind of answer, with what config.json may leave open. Each known data set has one
/// (parse_task()); to describe your own, begin with default_task().
struct Task {
  std::string name = "span";  ///< for messages: the data set's, else the kind's
  TaskKind kind = TaskKind::kSpan;
  /// Of kClasses: names of the classes. Empty: those of config.json.
  std::vector<std::string> labels = {};
  int max_question_tokens = 25;  ///< special tokens not counted
  int window_tokens = 292;       ///< special tokens not counted
  /// The passage is the first segment of the joint sequence. False: where the architecture's
  /// models have it.
  bool passage_first = false;
};

/// Lengths for texts of any data set: the published ones of SQuAD (span) and RACE (choice), 64 and
/// 384 tokens for classes.
[[nodiscard]] DEFORMER_EXPORT Task default_task(TaskKind kind);

/// The tasks that are known by name: "span", "classes" and "choice" for the kinds, and those of the
/// data sets "squad" (as "span"), "boolq", "mnli", "qqp" and "race", with their labels in the order
/// of Hugging Face's `super_glue` and `glue` data sets, and the lengths of the original code
/// (StonyBrookNLP/deformer, tasks/__init__.py). Null for an unknown name.
[[nodiscard]] DEFORMER_EXPORT const Task* find_task(std::string_view name);

/// The same. Throws kInvalidArgument naming the known ones.
[[nodiscard]] DEFORMER_EXPORT Task parse_task(std::string_view name);

/// "span, classes, choice, boolq, mnli, qqp or race"
[[nodiscard]] DEFORMER_EXPORT std::string known_task_list();

/// The place of a label in a list: of the one that is spelled so, else of the only one that differs
/// in case and in "-", "_" and " " alone ("Not Duplicate" is "not_duplicate"). Absent where there
/// is none.
[[nodiscard]] DEFORMER_EXPORT std::optional<std::size_t> find_label(
    std::span<const std::string> labels, std::string_view name);

/// True when both lists name the same labels, in any order.
[[nodiscard]] DEFORMER_EXPORT bool same_labels(std::span<const std::string> a,
                                               std::span<const std::string> b);

/// "yes, no, maybe", for messages; "none" for an empty list.
[[nodiscard]] DEFORMER_EXPORT std::string label_list(std::span<const std::string> labels);

// ---- Models and files

/// Called now and then, from the calling thread, with the number of finished items and of all
/// items.
using ProgressCallback = std::function<void(std::size_t done, std::size_t total)>;

/// Identifies everything that a stored hidden state depends on: embeddings, lower layers,
/// tokenizer, layout, windows, split_layer, and for tasks other than kSpan the place of the passage
/// and that one window is read. 128 bits of XXH3, printed as 32 hexadecimal digits.
struct Fingerprint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

[[nodiscard]] DEFORMER_EXPORT std::string to_string(const Fingerprint& fingerprint);
/// Parses what to_string() gives. Throws kInvalidArgument.
[[nodiscard]] DEFORMER_EXPORT Fingerprint parse_fingerprint(std::string_view text);

/// Activation of the feed-forward layer. config.json: "gelu" is the erf form, "gelu_new" and
/// "gelu_pytorch_tanh" the tanh approximation that the original DeFormer code and Google's
/// TensorFlow BERT use.
enum class Activation { kGeluErf, kGeluTanh, kRelu };
[[nodiscard]] DEFORMER_EXPORT std::string to_string(Activation activation);

/// In which element type convert_model() and training write weights.
enum class SaveFormat : std::uint8_t {
  kFp32,
  kFp16,
  kBf16,
  kInt8,  ///< matrices in 8 bits with one fp32 scale a row, the rest in fp32 or fp16
          ///< (docs/model_format.md): a quarter of fp32. Read by this library alone
};

}  // namespace deformer
