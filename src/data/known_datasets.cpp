#include "deformer/known_datasets.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <system_error>

#include "base/byte_order_mark.h"
#include "base/file.h"
#include "base/guard.h"
#include "data/readers.h"
#include "deformer/error.h"

namespace deformer {
namespace {

Dataset load_squad_examples(const std::filesystem::path& path) {
  return to_dataset(load_squad(path, SquadUse::kTraining));
}

template <Dataset (*kRead)(const std::filesystem::path& path)>
Dataset load(const std::filesystem::path& path) {
  return guard_entry(path.native(), [&] { return kRead(path); });
}

std::array<KnownDataset, 7> make_known() {
  Task squad = parse_task("squad");
  squad.name = "squad";
  return {{
      {.task = squad,
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load<load_squad_examples>},
      {.task = parse_task("classes"),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load<load_class_lines>},
      {.task = parse_task("choice"),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load<load_choice_lines>},
      {.task = parse_task("boolq"),
       .positive_label = {},
       .submission = SubmissionForm::kSuperGlue,
       .is_table = false,
       .load = load<load_boolq>},
      {.task = parse_task("mnli"),
       .positive_label = {},
       .submission = SubmissionForm::kGlueNames,
       .is_table = true,
       .load = load<load_mnli>},
      {.task = parse_task("qqp"),
       .positive_label = 1,
       .submission = SubmissionForm::kGlueNumbers,
       .is_table = true,
       .load = load<load_qqp>},
      {.task = parse_task("race"),
       .positive_label = {},
       .submission = SubmissionForm::kNone,
       .is_table = false,
       .load = load<load_race>},
  }};
}

// What the first character says; where there is none the reader of the file will complain.
bool has_form_of(const KnownDataset& known, const std::filesystem::path& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  if (type == std::filesystem::file_type::fifo || type == std::filesystem::file_type::character) {
    // To look into it would take from what is to be read.
    throw Error(ErrorCode::kInvalidArgument,
                path.string() +
                    ": expected a file whose form can be looked at, or the task to be "
                    "named (--task " +
                    known.task.name + " or another), found a pipe or a device");
  }
  std::ifstream file(path);
  std::string mark(kByteOrderMark.size(), '\0');
  if (!file.read(mark.data(), std::ssize(mark)) || mark != kByteOrderMark) {
    file.clear();
    file.seekg(0);
  }
  char first = 0;
  if (!(file >> first)) return true;
  return known.is_table == (first != '{');
}

bool looks_like_race(const std::filesystem::path& path) {
  return is_folder(path) || path.extension() == ".txt";
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
  return *find_dataset(parse_task(name).name);
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
