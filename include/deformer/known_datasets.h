// The data sets and forms of files that are known by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/dataset.h"
#include "deformer/export.h"
#include "deformer/types.h"

namespace deformer {

/// How a benchmark wants its predictions.
enum class SubmissionForm : std::uint8_t {
  kNone,
  kSuperGlue,    ///< JSON Lines {"idx", "label"}
  kGlueNames,    ///< a table: index, prediction by name
  kGlueNumbers,  ///< a table: index, prediction by number
};

/// All that differs between data sets. What is not said here holds for all of one kind.
struct KnownDataset {
  /// As parse_task(); task.name is the data set's name.
  Task task;
  std::optional<int> positive_label;  ///< judged by its F1 too: QQP's "duplicate"
  SubmissionForm submission;
  bool is_table;  ///< tab-separated; else JSON
  /// Reads a file or directory. Throws kNotFound, kIo, kCorrupt naming file and line or field:
  /// broken JSON (with the column), a missing or mistyped field, text that is not UTF-8, another
  /// number of columns, an unknown label.
  Dataset (*load)(const std::filesystem::path& path);
};

/// By name:
///
/// squad: load_squad() for training.
///
/// boolq: JSON Lines {"question", "passage", "idx", "label"}, as in SuperGLUE; the label is a
/// boolean or 0 or 1. `answer` in place of `label`, as in the original release, is read too.
///
/// mnli: tab-separated rows; the premise is the passage. With GLUE's header, the columns sentence1,
/// sentence2, gold_label and index by their names (gold_label "-" is no label); else three columns:
/// label, premise, hypothesis.
///
/// qqp: tab-separated rows with GLUE's header: question1 (the passage), question2, is_duplicate, id
/// by their names. A row with too few columns is skipped and counted, as GLUE's and the original's
/// readers do: a few rows of the published training file are torn.
///
/// race: every *.txt file below a directory (test/, say, with middle/ and high/), or one file. A
/// file is a JSON object: `article`, `questions`, `options` (a list of at least two for each
/// question), and, where they are known, `answers` ("A", "B", ...) and `id`. Ids of examples are
/// "ARTICLE-N". kNotFound also for a directory without such a file, kCorrupt for an article id that
/// occurs twice.
///
/// classes: JSON Lines {"id", "question", "passage", "label"}: anybody's own labels. A label is a
/// string, a boolean or an integer; what counts is its text. Labels stand in the order in which
/// they come.
///
/// choice: JSON Lines {"id", "question", "options", "passage", "answer"}; `choices` in place of
/// `options`. At least two options; the answer is the number of an option, from 0, or its letter.
///
/// Of all but squad: fields of tables are raw (quotation marks are text), any text may be empty,
/// labels and answers may be absent or null, an id that is absent is the number of the row, from 0.
[[nodiscard]] DEFORMER_EXPORT std::span<const KnownDataset> known_datasets();

/// The data set of that name; "span" is squad. Null where there is none.
[[nodiscard]] DEFORMER_EXPORT const KnownDataset* find_dataset(std::string_view name);

/// The same. Throws kInvalidArgument naming the known ones.
[[nodiscard]] DEFORMER_EXPORT const KnownDataset& known_dataset(std::string_view name);

/// What to read `path` as for a model that answers `kind` with these labels, where nobody says it:
/// the data set with the same labels if the file looks like one of its own (JSON Lines or a table;
/// RACE: a directory or *.txt), else the general form of the kind.
[[nodiscard]] DEFORMER_EXPORT const KnownDataset& guess_dataset(
    const std::filesystem::path& path, TaskKind kind, const std::vector<std::string>& labels);

}  // namespace deformer
