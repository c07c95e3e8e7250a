// Files of the classification tasks (BoolQ, MNLI, QQP) and of RACE, in their published forms.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deformer/export.h"
#include "deformer/task.h"

namespace deformer {

/// A passage (BoolQ's passage, MNLI's premise, QQP's first question), a question on it (BoolQ's
/// question, MNLI's hypothesis, QQP's second question), and the class of the two.
struct PairExample {
  std::string id;  ///< BoolQ's idx, GLUE's index or id; else the row's number, from 0
  std::string question;
  std::string passage;
  std::optional<int> label;  ///< by class_names(task); absent where the file gives none
};

struct PairDataset {
  Task task = Task::kBoolq;
  std::vector<PairExample> examples;  ///< in the order of the file
  std::size_t skipped = 0;            ///< QQP: rows with too few columns

  /// True when there are examples and each has a label: then they can be scored.
  [[nodiscard]] DEFORMER_EXPORT bool is_labelled() const noexcept;
};

/// Reads the file of a task with classes.
///
/// BoolQ: JSON Lines {"question", "passage", "idx", "label"}, as in SuperGLUE; the label is a
/// boolean or 0 or 1. `answer` in place of `label`, as in the original release, is read too.
///
/// MNLI: tab-separated rows. With GLUE's header, the columns sentence1, sentence2, gold_label and
/// index by their names (gold_label "-" is no label); else three columns: label, premise,
/// hypothesis.
///
/// QQP: tab-separated rows with GLUE's header: question1, question2, is_duplicate, id by their
/// names. A row with too few columns is skipped and counted, as GLUE's and the original's readers
/// do: a few rows of the published training file are torn.
///
/// Fields are raw: quotation marks are text. Any text may be empty. Throws kNotFound, kIo, kCorrupt
/// naming file and line: broken JSON (with the column), a missing or mistyped field, text that is
/// not UTF-8, another number of columns, an unknown label; kInvalidArgument for a task without
/// classes.
[[nodiscard]] DEFORMER_EXPORT PairDataset load_pair_dataset(Task task,
                                                            const std::filesystem::path& path);

/// A question about an article with its options, four in RACE.
struct RaceQuestion {
  std::string id;  ///< "ARTICLE-N", N from 0
  std::string question;
  std::vector<std::string> options;
  std::optional<int> answer;  ///< number of an option, 0 = "A"; absent where the file gives none
};

struct RaceArticle {
  std::string id;     ///< as in the file; its path below the directory where the file gives none
  std::string level;  ///< "middle" or "high": the directory that holds the file; else ""
  std::string text;
  std::vector<RaceQuestion> questions;
};

struct RaceDataset {
  std::vector<RaceArticle> articles;  ///< in the order of the paths

  [[nodiscard]] DEFORMER_EXPORT std::size_t num_questions() const noexcept;
  /// True when there are questions and each has an answer.
  [[nodiscard]] DEFORMER_EXPORT bool is_labelled() const noexcept;
};

/// Reads RACE: every *.txt file below a directory (test/, say, with middle/ and high/), or one
/// file. A file is a JSON object: `article`, `questions`, `options` (a list of at least two for
/// each question), and, where they are known, `answers` ("A", "B", ...) and `id`. Throws kNotFound
/// (also for a directory without such a file), kIo, kCorrupt naming file and field, or an article
/// id that occurs twice.
[[nodiscard]] DEFORMER_EXPORT RaceDataset load_race(const std::filesystem::path& path);

/// What the model reads for one option: the option put in place of every "_" of the question, or,
/// where the question has none, appended to it after a space. The rule of the original code and of
/// XLNet's run_race.py.
[[nodiscard]] DEFORMER_EXPORT std::string fill_option(const std::string& question,
                                                      const std::string& option);

}  // namespace deformer
