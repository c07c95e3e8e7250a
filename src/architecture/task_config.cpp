#include "architecture/task_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "base/json.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "text/utf8.h"

namespace deformer {
namespace {

// Hugging Face's default.
constexpr std::int64_t kDefaultLabels = 2;
// A broken num_labels is not worth more memory.
constexpr std::int64_t kMaxUnnamed = 1 << 20;

std::string unnamed_label(std::size_t number) {
  return "LABEL_" + std::to_string(number);
}

bool has_class_of(TaskKind kind, const JsonPlace& root) {
  // transformers writes null for a configuration that no class has used.
  const std::optional<JsonPlace> classes = root.find("architectures");
  if (!classes) return false;
  const std::string_view suffix = class_suffix(kind);
  for (std::size_t i = 0; i < classes->size(); ++i) {
    if (classes->at(i).as_string().ends_with(suffix)) return true;
  }
  return false;
}

// Names of the file, in its order; empty where it says nothing.
std::vector<std::string> stated_labels(const JsonPlace& root) {
  const std::optional<JsonPlace> id2label = root.find("id2label");
  if (!id2label) return {};
  id2label->require_object();
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < id2label->value().size(); ++i) {
    labels.push_back(id2label->at(std::to_string(i).c_str()).as_id());
  }
  return labels;
}

std::int64_t count_labels(const JsonPlace& root) {
  const std::optional<JsonPlace> id2label = root.find("id2label");
  if (id2label) return std::ssize(id2label->value());
  const std::optional<JsonPlace> count = root.find("num_labels");
  return count ? count->as_integer() : kDefaultLabels;
}

Task task_of_class(const JsonPlace& root) {
  if (has_class_of(TaskKind::kChoice, root)) return default_task(TaskKind::kChoice);
  // One output is a regression.
  const bool classes = has_class_of(TaskKind::kClasses, root) && count_labels(root) > 1;
  return default_task(classes ? TaskKind::kClasses : TaskKind::kSpan);
}

[[noreturn]] void fail_task(const JsonPlace& place, const Task& asked, const Task& stated) {
  throw Error(ErrorCode::kIncompatible,
              place.where() + ": expected " + asked.name + " as asked for, found " + stated.name);
}

void require_count(const JsonPlace& place, std::size_t expected, std::int64_t found) {
  if (found == static_cast<std::int64_t>(expected)) return;
  throw Error(ErrorCode::kIncompatible, place.where() + ": expected the task's " +
                                            std::to_string(expected) + " classes, found " +
                                            std::to_string(found));
}

}  // namespace

const char* class_suffix(TaskKind kind) {
  return kind == TaskKind::kChoice ? "ForMultipleChoice" : "ForSequenceClassification";
}

Task read_task(const JsonPlace& root, const std::optional<Task>& asked) {
  const std::optional<JsonPlace> deformer = root.find("deformer");
  if (!deformer || !deformer->has("task")) return asked ? *asked : task_of_class(root);
  const JsonPlace place = deformer->at("task");
  const Task* const known = find_task(place.as_string());
  if (known == nullptr) {
    throw Error(ErrorCode::kUnsupported, place.where() + ": expected " + known_task_list() +
                                             ", found " + in_quotes(place.as_string()));
  }
  const Task& stated = *known;
  if (!asked) return stated;
  if (asked->kind != stated.kind) fail_task(place, *asked, stated);
  const std::string kind = to_string(stated.kind);
  if (stated.name == kind) return *asked;
  if (asked->name != kind && asked->name != stated.name) fail_task(place, *asked, stated);
  return stated;
}

bool are_unnamed(const std::vector<std::string>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != unnamed_label(i)) return false;
  }
  return true;
}

std::vector<std::string> read_labels(const JsonPlace& root, const Task& task) {
  if (task.kind != TaskKind::kClasses) return {};
  std::vector<std::string> stated = stated_labels(root);
  if (task.labels.empty()) {
    if (!stated.empty()) return stated;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(count_labels(root), kMaxUnnamed); ++i) {
      stated.push_back(unnamed_label(static_cast<std::size_t>(i)));
    }
    return stated;
  }
  for (const char* key : {"id2label", "num_labels"}) {
    if (!root.find(key)) continue;
    require_count(root.at(key), task.labels.size(), count_labels(root));
    break;
  }
  if (are_unnamed(stated)) return task.labels;
  if (!same_labels(task.labels, stated)) {
    throw Error(ErrorCode::kIncompatible, root.at("id2label").where() +
                                              ": expected the classes of " + task.name + " (" +
                                              label_list(task.labels) + ") in any order, found " +
                                              in_quotes(label_list(stated)));
  }
  for (std::string& label : stated) label = task.labels[*find_label(task.labels, label)];
  return stated;
}

std::optional<std::string> find_other_problem(const JsonPlace& root) {
  constexpr const char* kExpected = "single_label_classification";
  const std::optional<JsonPlace> place = root.find("problem_type");
  if (!place || place->as_string() == kExpected) return std::nullopt;
  return place->where() + ": expected " + kExpected + ", found " + in_quotes(place->as_string());
}

std::optional<std::string> find_label_fault(const ModelConfig& config) {
  const std::vector<std::string>& labels = config.labels;
  if (config.task != TaskKind::kClasses) {
    if (labels.empty()) return std::nullopt;
    return "labels: expected none for " + to_string(config.task) + ", found " +
           in_quotes(label_list(labels));
  }
  if (labels.size() < 2) {
    return "id2label: expected at least two labels, found " + std::to_string(labels.size());
  }
  std::set<std::string_view> seen;
  for (const std::string& label : labels) {
    if (label.empty()) return "id2label: expected a name for each label, found an empty text";
    if (!is_valid_utf8(label)) return "id2label: expected UTF-8, found " + in_quotes(label);
    if (!seen.insert(label).second) {
      return "id2label: expected different labels, found " + in_quotes(label) + " twice";
    }
  }
  return std::nullopt;
}

}  // namespace deformer
