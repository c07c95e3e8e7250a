#include "deformer/task.h"

#include <algorithm>

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
