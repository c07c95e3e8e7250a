// What a model answers, apart from the data that it was trained on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"

namespace deformer {

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
/// (known_datasets.h); to describe one's own, begin with default_task().
struct Task {
  std::string name = "span";  ///< for messages: the data set's, else the kind's
  TaskKind kind = TaskKind::kSpan;
  /// Of kClasses: names of the classes. Empty: those of config.json.
  std::vector<std::string> labels = {};
  int max_question_tokens = 25;  ///< special tokens not counted
  int window_tokens = 292;       ///< special tokens not counted
  /// The passage is the first segment of the joint sequence. False: where the architecture's
  /// readers have it.
  bool passage_first = false;
};

/// Lengths for texts of any data set: the published ones of SQuAD (span) and RACE (choice), 64 and
/// 384 tokens for classes.
[[nodiscard]] DEFORMER_EXPORT Task default_task(TaskKind kind);

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

}  // namespace deformer
