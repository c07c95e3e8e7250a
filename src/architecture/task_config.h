// What config.json says of the task: its kind, its labels, its lengths.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deformer/model_config.h"

namespace deformer {

class JsonPlace;

/// End of the name of Hugging Face's class for the kind, e.g. "ForMultipleChoice". That of kSpan
/// depends on the architecture and is not given here.
[[nodiscard]] const char* class_suffix(TaskKind kind);

/// What config.json, whose root is given, is for: what it names (a kind, or a data set as older
/// versions wrote), filled in by `asked`; else `asked`; else what the name of its class says; else
/// the default of kSpan. Throws kUnsupported for an unknown name, kIncompatible when the file names
/// another task than `asked`.
[[nodiscard]] Task read_task(const JsonPlace& root, const std::optional<Task>& asked);

/// Labels by number, as `id2label` gives them; in the task's own spelling where it has labels, and
/// the task's where the file has only LABEL_0, LABEL_1, ... or nothing. Empty for kinds without.
/// Throws kIncompatible for other labels than the task's. What else is wrong is
/// find_label_fault()'s.
[[nodiscard]] std::vector<std::string> read_labels(const JsonPlace& root, const Task& task);

/// True for Hugging Face's names of classes that nobody named: LABEL_0, LABEL_1, ...
[[nodiscard]] bool are_unnamed(const std::vector<std::string>& labels);

/// What a file says (`problem_type`) whose classes answer with a number or with several labels at
/// once, as a message; absent where one label is the answer.
[[nodiscard]] std::optional<std::string> find_other_problem(const JsonPlace& root);

/// What is wrong with the labels of a configuration; absent when nothing is.
[[nodiscard]] std::optional<std::string> find_label_fault(const ModelConfig& config);

}  // namespace deformer
