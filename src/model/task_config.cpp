#include "model/task_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"
#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::array kTasks{Task::kSpan, Task::kBoolq, Task::kMnli, Task::kQqp, Task::kRace};

bool is_multiple_choice(const JsonPlace& root) {
  // transformers writes null for a configuration that no class has used.
  if (!root.has("architectures") || root.at("architectures").value().is_null()) return false;
  const std::string_view suffix = class_suffix(Task::kRace);
  const JsonPlace classes = root.at("architectures");
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes.at(i).as_string().ends_with(suffix)) return true;
  }
  return false;
}

Task parse_stated_task(const JsonPlace& place) {
  for (const Task known : kTasks) {
    if (to_string(known) == place.as_string()) return known;
  }
  throw Error(
      ErrorCode::kUnsupported,
      place.where() + ": expected span, boolq, mnli, qqp or race, found " + place.value().dump());
}

[[noreturn]] void fail_classes(const JsonPlace& place, std::size_t expected,
                               const std::string& found) {
  throw Error(ErrorCode::kIncompatible, place.where() + ": expected the task's " +
                                            std::to_string(expected) + " classes, found " + found);
}

// "Not Duplicate" and "not_duplicate" are one name.
std::string plain_label(std::string name) {
  for (char& c : name) {
    if (c == '-' || c == ' ') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

}  // namespace

// Published lengths, special tokens not counted (StonyBrookNLP/deformer, tasks/__init__.py: of
// max_seq_length the first text has max_first_length + 2, the second the rest with one special
// token). For MNLI and QQP the passage is the first text.
TaskLengths published_lengths(Task task) {
  switch (task) {
    case Task::kSpan:
      return {25, 292};
    case Task::kBoolq:
      return {15, 302};
    case Task::kMnli:
      return {32, 85};
    case Task::kQqp:
      return {57, 40};
    case Task::kRace:
      return {30, 479};
  }
  return {25, 292};
}

const char* class_suffix(Task task) {
  return task == Task::kRace ? "ForMultipleChoice" : "ForSequenceClassification";
}

Task read_task(const JsonPlace& root, std::optional<Task> task) {
  if (root.has("deformer") && root.at("deformer").has("task")) {
    const JsonPlace place = root.at("deformer").at("task");
    const Task stated = parse_stated_task(place);
    if (!task || *task == stated) return stated;
    throw Error(ErrorCode::kIncompatible, place.where() + ": expected " + to_string(*task) +
                                              " as asked for, found " + to_string(stated));
  }
  return task.value_or(is_multiple_choice(root) ? Task::kRace : Task::kSpan);
}

std::vector<std::string> read_labels(const JsonPlace& root, Task task) {
  const std::vector<std::string>& classes = class_names(task);
  if (classes.empty()) return {};
  if (!root.has("id2label")) {
    if (!root.has("num_labels")) return classes;
    const JsonPlace count = root.at("num_labels");
    if (count.as_integer() == std::ssize(classes)) return classes;
    fail_classes(count, classes.size(), std::to_string(count.as_integer()));
  }
  const JsonPlace id2label = root.at("id2label");
  id2label.require_object();
  const std::size_t found = id2label.value().size();
  if (found != classes.size()) fail_classes(id2label, classes.size(), std::to_string(found));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    names.push_back(plain_label(id2label.at(std::to_string(i).c_str()).as_string()));
  }
  // Hugging Face's name of a class that nobody named.
  return names.front() == "label_0" ? classes : names;
}

std::vector<std::size_t> outputs_by_class(const ModelConfig& config) {
  std::vector<std::size_t> outputs;
  for (const std::string& name : class_names(config.task)) {
    const auto place = std::find(config.labels.begin(), config.labels.end(), name);
    outputs.push_back(static_cast<std::size_t>(place - config.labels.begin()));
  }
  return outputs;
}

std::optional<std::string> find_label_fault(const ModelConfig& config) {
  const std::vector<std::string>& classes = class_names(config.task);
  if (std::is_permutation(config.labels.begin(), config.labels.end(), classes.begin(),
                          classes.end())) {
    return std::nullopt;
  }
  return "id2label: expected the classes of " + to_string(config.task) + " (" + join(classes) +
         ") in any order, found " +
         nlohmann::json(join(config.labels))
             .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace deformer
