// SQuAD 1.1 and 2.0 files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deformer/export.h"

namespace deformer {

struct SquadAnswer {
  std::string text;
  std::int64_t start = 0;  ///< in Unicode *code points* of the context, as in the file
};

struct SquadQuestion {
  std::string id;
  std::string question;
  std::vector<SquadAnswer> answers;  ///< empty: unanswerable, or a file without answers
  bool is_impossible = false;        ///< SQuAD 2.0
};

struct SquadParagraph {
  std::string context;
  std::vector<SquadQuestion> questions;
};

struct SquadArticle {
  std::string title;
  std::vector<SquadParagraph> paragraphs;
};

struct SquadDataset {
  std::string version;  ///< "1.1", "v2.0", ... as in the file; may be empty
  std::vector<SquadArticle> articles;

  [[nodiscard]] DEFORMER_EXPORT std::size_t num_paragraphs() const noexcept;
  [[nodiscard]] DEFORMER_EXPORT std::size_t num_questions() const noexcept;
  /// True when any question is marked is_impossible: then the 2.0 metric applies.
  [[nodiscard]] DEFORMER_EXPORT bool has_unanswerable() const noexcept;
};

/// Reads a SQuAD-format file. Unknown keys are ignored; `answers`, `title`, `version` and
/// `is_impossible` may be missing. Answers are not compared with the context. Throws kNotFound,
/// kIo, kCorrupt: broken JSON or text that is not UTF-8, with line and column; a missing or
/// mistyped field with its path, e.g. "dev.json: data[3].paragraphs[0].qas[2].id: expected a
/// string, found a number"; a negative answer_start; a question id that occurs twice.
[[nodiscard]] DEFORMER_EXPORT SquadDataset load_squad(const std::filesystem::path& path);

}  // namespace deformer
