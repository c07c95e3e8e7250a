#include "tools/evaluation_report.h"

#include "base/number_text.h"
#include "base/table_text.h"
#include "tools/json_line.h"

namespace deformer::tools {
namespace {

std::string row(const std::string& name, const SquadScore& score) {
  return left_aligned(name, 14) + right_aligned(grouped(score.total), 10) +
         right_aligned(fixed(score.exact, 2), 10) + right_aligned(fixed(score.f1, 2), 10) + "\n";
}

}  // namespace

std::string to_table(const EvaluationReport& report) {
  const SquadEvaluation& scores = report.evaluation;
  std::string table = std::string(14, ' ') + right_aligned("questions", 10) +
                      right_aligned("exact", 10) + right_aligned("F1", 10) + "\n" +
                      row("all", scores.overall);
  if (scores.has_answer) table += row("with answer", *scores.has_answer);
  if (scores.no_answer) table += row("no answer", *scores.no_answer);
  if (scores.best) {
    table += "best exact " + fixed(scores.best->best_exact, 2) + " at threshold " +
             fixed(scores.best->best_exact_threshold, 4) + ", best F1 " +
             fixed(scores.best->best_f1, 2) + " at threshold " +
             fixed(scores.best->best_f1_threshold, 4) + "\n";
  }
  if (report.tuned_threshold) {
    // All digits: it is to be given to --no-answer-threshold as it stands.
    table +=
        "scored at threshold " + json_text(*report.tuned_threshold) + ", tuned on this very file\n";
  }
  if (scores.missing > 0) {
    table +=
        "questions without a prediction, which count as wrong: " + grouped(scores.missing) + "\n";
  }
  return report.cost ? table + cost_line(*report.cost, "answered", "question") : table;
}

std::string to_note(const EvaluationReport& report) {
  const SquadScore& all = report.evaluation.overall;
  std::string note =
      "exact " + fixed(all.exact, 2) + ", F1 " + fixed(all.f1, 2) + " of " + grouped(all.total);
  if (!report.tuned_threshold) return note;
  return note + ", at threshold " + json_text(*report.tuned_threshold);
}

std::string to_json(const EvaluationReport& report) {
  const SquadEvaluation& scores = report.evaluation;
  Json object;
  const auto add = [&](const std::string& prefix, const SquadScore& score) {
    object[prefix + "exact"] = score.exact;
    object[prefix + "f1"] = score.f1;
    object[prefix + "total"] = score.total;
  };
  add("", scores.overall);
  if (scores.has_answer) add("HasAns_", *scores.has_answer);
  if (scores.no_answer) add("NoAns_", *scores.no_answer);
  if (scores.best) {
    object["best_exact"] = scores.best->best_exact;
    object["best_exact_thresh"] = scores.best->best_exact_threshold;
    object["best_f1"] = scores.best->best_f1;
    object["best_f1_thresh"] = scores.best->best_f1_threshold;
  }
  if (report.tuned_threshold) object["tuned_threshold"] = *report.tuned_threshold;
  object["missing"] = scores.missing;
  if (report.cost) {
    object["seconds"] = report.cost->seconds;
    object["ms_per_question"] = report.cost->ms_per_item();
    object["peak_rss_bytes"] = report.cost->peak_rss_bytes;
  }
  return json_line(object);
}

}  // namespace deformer::tools
