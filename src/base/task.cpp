#include "deformer/task.h"

#include <array>

#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::array kTasks{Task::kSpan, Task::kBoolq, Task::kMnli, Task::kQqp, Task::kRace};

}  // namespace

std::string to_string(Task task) {
  switch (task) {
    case Task::kSpan:
      return "span";
    case Task::kBoolq:
      return "boolq";
    case Task::kMnli:
      return "mnli";
    case Task::kQqp:
      return "qqp";
    case Task::kRace:
      return "race";
  }
  return "unknown";
}

Task parse_task(std::string_view name) {
  for (const Task task : kTasks) {
    if (to_string(task) == name) return task;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "task: expected span, boolq, mnli, qqp or race, found \"" + std::string(name) + "\"");
}

const std::vector<std::string>& class_names(Task task) {
  static const std::vector<std::string> kNone;
  static const std::vector<std::string> kBoolq{"false", "true"};
  static const std::vector<std::string> kMnli{"entailment", "neutral", "contradiction"};
  static const std::vector<std::string> kQqp{"not_duplicate", "duplicate"};
  switch (task) {
    case Task::kBoolq:
      return kBoolq;
    case Task::kMnli:
      return kMnli;
    case Task::kQqp:
      return kQqp;
    case Task::kSpan:
    case Task::kRace:
      return kNone;
  }
  return kNone;
}

bool passage_is_named_first(Task task) noexcept {
  return task == Task::kMnli || task == Task::kQqp;
}

}  // namespace deformer
