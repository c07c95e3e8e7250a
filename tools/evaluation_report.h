// Scores of a SQuAD file for people and for programs.
#pragma once

#include <optional>
#include <string>

#include "deformer/metrics.h"
#include "tools/cost.h"

namespace deformer::tools {

struct EvaluationReport {
  SquadEvaluation evaluation;
  std::optional<double> tuned_threshold;  ///< found on the file that is scored
  std::optional<RunCost> cost;            ///< of a model that answered
};

[[nodiscard]] std::string to_table(const EvaluationReport& report);
/// The scores of all questions in one line, without a line feed.
[[nodiscard]] std::string to_note(const EvaluationReport& report);
/// One object in one line, with the official scorer's keys (docs/cli.md).
[[nodiscard]] std::string to_json(const EvaluationReport& report);

}  // namespace deformer::tools
