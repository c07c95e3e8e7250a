// Predictions and scores of classification for people, for programs and for the benchmarks.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "deformer/class_metrics.h"
#include "tools/classify_run.h"
#include "tools/cost.h"

namespace deformer::tools {

/// {"id": ..., "label": ..., "probabilities": {...}, "logits": {...}, "gold": ...} and a line feed;
/// `id` and `gold` where there are any.
[[nodiscard]] std::string prediction_line(const Dataset& data, const Example& example,
                                          const Prediction& prediction);

/// The label and, below it, each label with its probability, the most probable first.
[[nodiscard]] std::string prediction_text(const Dataset& data, const Prediction& prediction);

/// Throws kUnsupported for a data set whose benchmark has no such form (RACE).
void require_submission(const KnownDataset& form);
/// SuperGLUE's JSON Lines (BoolQ) or GLUE's table (MNLI, QQP), as their sites take them.
[[nodiscard]] std::string submission(SubmissionForm form, const Dataset& data,
                                     const std::vector<Prediction>& predictions);

struct NamedClassScore {
  std::string name;  ///< "all", RACE's levels
  ClassScore score;
};

struct ClassifyReport {
  std::string task;                     ///< name of the data set
  std::vector<NamedClassScore> scores;  ///< all first; empty when no example has a gold label
  std::size_t unlabelled = 0;           ///< examples that no score counts
  std::size_t skipped = 0;
  RunCost cost;  ///< of all examples
};

/// Scores the examples that have a gold label.
[[nodiscard]] std::vector<NamedClassScore> score_predictions(
    const Dataset& data, const std::vector<Prediction>& predictions);

[[nodiscard]] std::string to_table(const ClassifyReport& report);
/// One object in one line (docs/cli.md).
[[nodiscard]] std::string to_json(const ClassifyReport& report);

}  // namespace deformer::tools
