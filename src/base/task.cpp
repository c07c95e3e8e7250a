#include "deformer/types.h"

#include <algorithm>
#include <array>

#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// "Not Duplicate" and "not_duplicate" are one name.
std::string plain_label(std::string_view name) {
  std::string plain(name);
  for (char& c : plain) {
    if (c == '-' || c == ' ') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return plain;
}

using Labels = std::vector<std::string>;

// Lengths without special tokens (StonyBrookNLP/deformer, tasks/__init__.py: of max_seq_length the
// first text has max_first_length + 2, the second the rest with one special token). For MNLI and
// QQP the passage is the first text.
Task data_task(const char* name, TaskKind kind, int max_question_tokens, int window_tokens) {
  return {.name = name,
          .kind = kind,
          .max_question_tokens = max_question_tokens,
          .window_tokens = window_tokens};
}

Task class_task(Task task, Labels labels) {
  task.labels = std::move(labels);
  return task;
}

Task with_passage_first(Task task) {
  task.passage_first = true;
  return task;
}

std::array<Task, 7> make_known() {
  constexpr TaskKind kClasses = TaskKind::kClasses;
  return {default_task(TaskKind::kSpan),
          default_task(kClasses),
          default_task(TaskKind::kChoice),
          class_task(data_task("boolq", kClasses, 15, 302), {"false", "true"}),
          with_passage_first(class_task(data_task("mnli", kClasses, 32, 85),
                                        {"entailment", "neutral", "contradiction"})),
          with_passage_first(
              class_task(data_task("qqp", kClasses, 57, 40), {"not_duplicate", "duplicate"})),
          data_task("race", TaskKind::kChoice, 30, 479)};
}

const std::array<Task, 7>& known_tasks() {
  static const std::array<Task, 7> known = make_known();
  return known;
}

}  // namespace

std::string to_string(TaskKind kind) {
  switch (kind) {
    case TaskKind::kSpan:
      return "span";
    case TaskKind::kClasses:
      return "classes";
    case TaskKind::kChoice:
      return "choice";
  }
  return "unknown";
}

Task default_task(TaskKind kind) {
  Task task{.name = to_string(kind), .kind = kind};
  if (kind == TaskKind::kClasses) {
    task.max_question_tokens = 64;
    task.window_tokens = 384;
  } else if (kind == TaskKind::kChoice) {
    task.max_question_tokens = 30;
    task.window_tokens = 479;
  }
  return task;
}

const Task* find_task(std::string_view name) {
  if (name == "squad") return find_task(to_string(TaskKind::kSpan));
  for (const Task& known : known_tasks()) {
    if (known.name == name) return &known;
  }
  return nullptr;
}

Task parse_task(std::string_view name) {
  if (const Task* found = find_task(name)) return *found;
  throw Error(ErrorCode::kInvalidArgument,
              "task: expected " + known_task_list() + ", found " + in_quotes(name));
}

std::string known_task_list() {
  std::string list;
  for (const Task& known : known_tasks()) {
    const bool last = &known == &known_tasks().back();
    list += (list.empty() ? "" : last ? " or " : ", ") + known.name;
  }
  return list;
}

std::optional<std::size_t> find_label(std::span<const std::string> labels, std::string_view name) {
  const auto exact = std::find(labels.begin(), labels.end(), name);
  if (exact != labels.end()) return static_cast<std::size_t>(exact - labels.begin());
  const auto is_alike = [plain = plain_label(name)](const std::string& label) {
    return plain_label(label) == plain;
  };
  const auto alike = std::find_if(labels.begin(), labels.end(), is_alike);
  if (alike == labels.end() || std::any_of(alike + 1, labels.end(), is_alike)) return std::nullopt;
  return static_cast<std::size_t>(alike - labels.begin());
}

bool same_labels(std::span<const std::string> a, std::span<const std::string> b) {
  const auto is_in_b = [&](const std::string& label) { return find_label(b, label).has_value(); };
  const auto is_in_a = [&](const std::string& label) { return find_label(a, label).has_value(); };
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), is_in_b) &&
         std::all_of(b.begin(), b.end(), is_in_a);
}

std::string label_list(std::span<const std::string> labels) {
  std::string text;
  for (const std::string& label : labels) text += (text.empty() ? "" : ", ") + label;
  return text.empty() ? "none" : text;
}

}  // namespace deformer
