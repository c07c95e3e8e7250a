#include "deformer/known_datasets.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

#include "data/readers.h"
#include "deformer/error.h"

namespace deformer {
namespace {

using Labels = std::vector<std::string>;

Dataset load_squad_examples(const std::filesystem::path& path) {
  return to_dataset(load_squad(path, SquadUse::kTraining));
}

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

std::array<KnownDataset, 7> make_known() {
  constexpr TaskKind kClasses = TaskKind::kClasses;
  return {{
      {.task = data_task("squad", TaskKind::kSpan, 25, 292),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load_squad_examples},
      {.task = default_task(kClasses),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load_class_lines},
      {.task = default_task(TaskKind::kChoice),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load_choice_lines},
      {.task = class_task(data_task("boolq", kClasses, 15, 302), {"false", "true"}),
       .positive_label = {},
       .submission = SubmissionForm::kSuperGlue,
       .is_table = false,
       .load = load_boolq},
      {.task = with_passage_first(class_task(data_task("mnli", kClasses, 32, 85),
                                             {"entailment", "neutral", "contradiction"})),
       .positive_label = {},
       .submission = SubmissionForm::kGlueNames,
       .is_table = true,
       .load = load_mnli},
      {.task = with_passage_first(
           class_task(data_task("qqp", kClasses, 57, 40), {"not_duplicate", "duplicate"})),
       .positive_label = 1,
       .submission = SubmissionForm::kGlueNumbers,
       .is_table = true,
       .load = load_qqp},
      {.task = data_task("race", TaskKind::kChoice, 30, 479),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load_race},
  }};
}

// What the first character says; where there is none the reader of the file will complain.
bool has_form_of(const KnownDataset& known, const std::filesystem::path& path) {
  char first = 0;
  if (!(std::ifstream(path) >> first)) return true;
  return known.is_table == (first != '{');
}

bool looks_like_race(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) || path.extension() == ".txt";
}

}  // namespace

std::span<const KnownDataset> known_datasets() {
  static const std::array<KnownDataset, 7> known = make_known();
  return known;
}

const KnownDataset* find_dataset(std::string_view name) {
  if (name == to_string(TaskKind::kSpan)) return find_dataset("squad");
  for (const KnownDataset& known : known_datasets()) {
    if (known.task.name == name) return &known;
  }
  return nullptr;
}

const KnownDataset& known_dataset(std::string_view name) {
  if (const KnownDataset* found = find_dataset(name)) return *found;
  throw Error(ErrorCode::kInvalidArgument,
              "task: expected " + known_dataset_list() + ", found \"" + std::string(name) + "\"");
}

std::string known_dataset_list() {
  std::string list;
  for (const KnownDataset& known : known_datasets()) {
    const bool last = &known == &known_datasets().back();
    const bool span = known.task.kind == TaskKind::kSpan;
    list += (list.empty() ? "" : last ? " or " : ", ") + (span ? "span" : known.task.name);
  }
  return list;
}

Task parse_task(std::string_view name) {
  if (name == to_string(TaskKind::kSpan)) return default_task(TaskKind::kSpan);
  return known_dataset(name).task;
}

const KnownDataset& guess_dataset(const std::filesystem::path& path, TaskKind kind,
                                  const std::vector<std::string>& labels) {
  if (kind == TaskKind::kChoice && looks_like_race(path)) return known_dataset("race");
  if (kind == TaskKind::kClasses) {
    for (const KnownDataset& known : known_datasets()) {
      const bool fits = known.task.kind == kind && same_labels(known.task.labels, labels);
      if (fits && has_form_of(known, path)) return known;
    }
  }
  return known_dataset(to_string(kind));
}

}  // namespace deformer
