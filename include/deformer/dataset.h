// Questions about passages with what is right: the form that training and scoring take data in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "deformer/export.h"
#include "deformer/squad.h"
#include "deformer/types.h"

namespace deformer {

/// What is right, of kSpan.
struct SpanTarget {
  std::vector<SquadAnswer> answers;  ///< at least one, unless it is impossible
  bool is_impossible = false;        ///< the passage does not answer the question
};

/// What is right; std::monostate: the file does not say. The number is that of a label in
/// Dataset::labels (kClasses) or of a question's option, from 0 (kChoice).
using Target = std::variant<std::monostate, SpanTarget, int>;

struct Example {
  std::string id;           ///< as the file has it, else the example's place in the file, from 0
  bool numeric_id = false;  ///< a number in JSON, or the place; of kSpan it is not kept
  /// What the model reads beside the passage: one text; of kChoice one for each option, at least
  /// two (fill_option()).
  std::vector<std::string> questions;
  std::size_t passage = 0;  ///< place in Dataset::passages
  Target target = {};

  /// The number of the right label or option; absent for spans and where it is not known.
  [[nodiscard]] DEFORMER_EXPORT std::optional<int> label() const noexcept;
  [[nodiscard]] bool has_target() const noexcept { return target.index() != 0; }
};

struct DatasetPassage {
  std::string text;
  std::string level = {};  ///< RACE: "middle", "high" or ""; scores are given for each level too
};

/// Examples that share passages: many questions are asked about one.
struct Dataset {
  std::string name = {};  ///< of the known data set or form of files that it was read as
  TaskKind kind = TaskKind::kSpan;
  std::vector<std::string> labels = {};    ///< of kClasses: each once
  std::optional<int> positive_label = {};  ///< the one whose F1 the benchmark reports, if any
  std::vector<DatasetPassage> passages = {};
  std::vector<Example> examples = {};  ///< in the order of the file
  std::size_t skipped = 0;             ///< QQP: rows with too few columns

  [[nodiscard]] const std::string& passage_of(const Example& example) const {
    return passages[example.passage].text;
  }
  /// True when there are examples and each has its target: then all can be scored.
  [[nodiscard]] DEFORMER_EXPORT bool is_labelled() const noexcept;
};

/// A parsed SQuAD file as a Dataset: a paragraph is a passage, also one without questions.
[[nodiscard]] DEFORMER_EXPORT Dataset to_dataset(SquadDataset squad);

/// One data set of several files' in their order. Of kClasses equal passages become one, as files
/// of pairs repeat a passage with each of its questions; labels come together by name. The name
/// stays where all have the same one. Throws kInvalidArgument for none, and for different kinds.
[[nodiscard]] DEFORMER_EXPORT Dataset join(std::vector<Dataset> files);

/// Numbers the labels of kClasses as `labels` does, by name (find_label()); no other kind has any.
/// Throws kInvalidArgument naming one that an example has and `labels` lacks.
DEFORMER_EXPORT void use_labels(Dataset& dataset, const std::vector<std::string>& labels);

inline constexpr std::size_t kMaxFilledBytes = std::size_t{1} << 20;

/// What the model reads for one option: the option put in place of every "_" of the question, or,
/// where the question has none, appended to it after a space. The rule of the original code and of
/// XLNet's run_race.py. Throws kInvalidArgument where that is longer than `max_bytes`: many blanks
/// times a long option.
[[nodiscard]] DEFORMER_EXPORT std::string fill_option(const std::string& question,
                                                      const std::string& option,
                                                      std::size_t max_bytes = kMaxFilledBytes);

/// What an option is called: "A" to "Z"; with more than 26 options its number, from 0.
[[nodiscard]] DEFORMER_EXPORT std::string option_name(std::size_t option, std::size_t count);

}  // namespace deformer
