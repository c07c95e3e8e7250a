// What config.json says of the task: its name, its classes, its published lengths.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deformer/model_config.h"

namespace deformer {

class JsonPlace;

/// Published lengths, special tokens not counted.
struct TaskLengths {
  int question;
  int window;
};
[[nodiscard]] TaskLengths published_lengths(Task task);

/// End of the name of Hugging Face's class for the task, e.g. "ForMultipleChoice". That of kSpan
/// depends on the architecture and is not given here.
[[nodiscard]] const char* class_suffix(Task task);

/// The task that config.json, whose root is given, names; else `task`; else kRace for a class
/// ...ForMultipleChoice; else kSpan. Throws kUnsupported for an unknown name, kIncompatible when
/// the file names another one than `task`.
[[nodiscard]] Task read_task(const JsonPlace& root, std::optional<Task> task);

/// Names of the task's classes by number, as `id2label` gives them, in the spelling of
/// class_names(); in its order where the file has only LABEL_0, LABEL_1, ... or nothing. Throws
/// kIncompatible for another number of classes. Other names are find_label_fault()'s.
[[nodiscard]] std::vector<std::string> read_labels(const JsonPlace& root, Task task);

/// By class number of the task: the class's place among the head's outputs. The labels are valid.
[[nodiscard]] std::vector<std::size_t> outputs_by_class(const ModelConfig& config);

/// What is wrong with the labels of a configuration; absent when nothing is.
[[nodiscard]] std::optional<std::string> find_label_fault(const ModelConfig& config);

}  // namespace deformer
