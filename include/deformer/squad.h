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
  /// In Unicode *code points* of the context, as in the file; -1: the file does not say.
  std::int64_t start = 0;
};

struct SquadQuestion {
  std::string id;  ///< a number's digits where the file has a number
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
  /// True when any question is marked is_impossible, or has no answer where others have one: then
  /// the 2.0 metric applies. That is the only one that can score such a file.
  [[nodiscard]] DEFORMER_EXPORT bool has_unanswerable() const noexcept;
};

/// What a caller needs of a SQuAD file, and so what load_squad() demands of it.
enum class SquadUse {
  kPassages,   ///< contexts; questions are not read
  kScores,     ///< ids, and texts of answers where there are any
  kQuestions,  ///< contexts, ids, questions, and texts of answers where there are any
  kTraining,   ///< the same, and the place of every answer; ids may occur twice
};

/// Reads a SQuAD-format file, in one of three forms: SQuAD's own, {"data": [{"paragraphs":
/// [...]}]}; Hugging Face's flat one, {"data": [{"id", "context", "question", "answers": {"text":
/// [...], "answer_start": [...]}}]}; or that as JSON Lines. Of the flat forms questions in a row on
/// one context become one paragraph, and an empty list of answers means is_impossible, as Hugging
/// Face's copy of SQuAD 2.0 has it. Unknown keys are ignored; `answers`, `title`, `version` and
/// `is_impossible` may be missing or null. Ids are strings or integers. Answers are not compared
/// with the context. Throws kNotFound, kIo, kCorrupt: broken JSON or text that is not UTF-8, with
/// line and column; a missing or mistyped field with its path, e.g. "dev.json:
/// data[3].paragraphs[0].qas[2].question: expected a string, found a number"; for training an
/// answer_start that is no offset; for all other uses a question id that occurs twice.
[[nodiscard]] DEFORMER_EXPORT SquadDataset load_squad(const std::filesystem::path& path,
                                                      SquadUse use = SquadUse::kQuestions);

}  // namespace deformer
