// What a model is trained to do: the tasks of the DeFormer paper.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"

namespace deformer {

/// A task pairs a *passage*, the text that is encoded once and reused, with a *question*, the text
/// that is read anew. What the data sets call the two, and what is answered:
///   kSpan   passage, question: a span of the passage
///   kBoolq  passage, question: yes or no
///   kMnli   premise, hypothesis: entailment, neutral, contradiction
///   kQqp    first and second question: duplicate or not
///   kRace   article, question with one of its options: which option
enum class Task : std::uint8_t { kSpan, kBoolq, kMnli, kQqp, kRace };

/// "span", "boolq", "mnli", "qqp", "race".
[[nodiscard]] DEFORMER_EXPORT std::string to_string(Task task);
/// Throws kInvalidArgument naming the accepted values.
[[nodiscard]] DEFORMER_EXPORT Task parse_task(std::string_view name);

/// Names of a task's classes by number, in the order of Hugging Face's `super_glue` and `glue` data
/// sets. Empty for kSpan and kRace, which have no classes.
///   kBoolq  false, true
///   kMnli   entailment, neutral, contradiction
///   kQqp    not_duplicate, duplicate
[[nodiscard]] DEFORMER_EXPORT const std::vector<std::string>& class_names(Task task);

/// True where the data set names the passage before the question: kMnli and kQqp.
[[nodiscard]] DEFORMER_EXPORT bool passage_is_named_first(Task task) noexcept;

}  // namespace deformer
