#include "tools/cmd_evaluate.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "deformer/error.h"
#include "deformer/metrics.h"
#include "deformer/predictions.h"
#include "tools/evaluation_report.h"
#include "tools/output.h"
#include "tools/squad_run.h"

namespace deformer::tools {
namespace {

constexpr const char* kFooter = R"(Examples:
  deformer evaluate --squad dev-v1.1.json --predictions predictions.json
  deformer evaluate --squad dev-v1.1.json --model DIR --output predictions.json
  deformer evaluate --squad dev-v2.0.json --model DIR --no-answer --json

The numbers are those of the official scorers: evaluate-v2.0.py when a question of the file is
marked unanswerable, else evaluate-v1.1.py. docs/cli.md has the table's and the JSON's fields.)";

std::size_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

EvaluationReport evaluate_file(const EvaluateOptions& options, const SquadDataset& dataset) {
  const Predictions predictions = load_predictions(options.predictions);
  std::optional<NoAnswerScores> scores;
  if (!options.na_scores.empty()) scores = load_no_answer_scores(options.na_scores);
  EvaluationReport report;
  report.evaluation =
      evaluate_squad(dataset, predictions, scores ? &*scores : nullptr, options.na_threshold);
  return report;
}

// With "no answer" the best spans are scored and the threshold is left to the scorer: its search
// for the best threshold needs the spans that the threshold hides.
EvaluationReport evaluate_model(const EvaluateOptions& options, const SquadDataset& dataset) {
  const Talk talk(options.quiet);
  std::optional<Output> output;
  if (!options.output.empty()) output.emplace(options.output);
  ReaderOptions reader_options = options.reader;
  const bool no_answer = reader_options.no_answer;
  if (no_answer) reader_options.top_k = 2;
  Reader reader(load_model(options.model), std::move(reader_options));
  Predictions spans;
  PredictionList answers;
  NoAnswerScores margins;
  answer_squad(reader, dataset, options.squad, talk,
               [&](const SquadQuestion& question, const QaResult& result) {
                 spans.emplace(question.id, best_span_text(result));
                 answers.emplace_back(question.id, best_text(result));
                 margins.emplace_back(question.id, no_answer_margin(result));
               });
  EvaluationReport report;
  report.evaluation = evaluate_squad(dataset, spans, no_answer ? &margins : nullptr,
                                     options.reader.no_answer_threshold);
  report.run = ModelRun{reader.answered(), reader.seconds(), peak_rss_bytes()};
  if (output) {
    output->write(format_predictions(answers));
    output->commit();
  }
  reader.report(talk);
  return report;
}

}  // namespace

CLI::App* add_evaluate(CLI::App& app, EvaluateOptions& options) {
  CLI::App* verb = app.add_subcommand("evaluate", "Score predictions, or a model, on a SQuAD file");
  const std::string group = "Input (--predictions or --model)";
  verb->add_option("--squad", options.squad, "SQuAD file with the gold answers")
      ->required()
      ->type_name("FILE")
      ->group(group);
  auto* predictions = verb->add_option("--predictions", options.predictions, R"({"id": "text"})")
                          ->type_name("FILE")
                          ->group(group);
  auto* model = verb->add_option("--model", options.model.model_dir, "Model that answers first")
                    ->type_name("DIR")
                    ->group(group);
  predictions->excludes(model);
  auto* scores = verb->add_option("--na-scores", options.na_scores, R"({"id": number}, SQuAD 2.0)")
                     ->needs(predictions)
                     ->type_name("FILE")
                     ->group(group);
  verb->add_option("--na-threshold", options.na_threshold,
                   R"(A higher score counts as "no answer")")
      ->needs(scores)
      ->type_name("X")
      ->capture_default_str()
      ->group(group);
  verb->add_option("--limit", options.limit, "Score the first N questions only")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group(group);
  verb->add_option("--output", options.output, "Keep the model's predictions")
      ->needs(model)
      ->type_name("FILE")
      ->group("Output");
  verb->add_flag("--json", options.json, "JSON instead of a table")->group("Output");
  verb->add_flag("--quiet", options.quiet, "No progress and no notes on stderr")->group("Output");
  add_runtime_options(*verb, options.model);
  add_reader_options(*verb, options.reader);
  verb->footer(kFooter);
  return verb;
}

void run_evaluate(const EvaluateOptions& options) {
  if (options.predictions.empty() && options.model.model_dir.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "evaluate: expected --predictions or --model, found neither");
  }
  Output output("-");
  SquadDataset dataset = load_squad(options.squad);
  if (options.limit) keep_first_questions(dataset, *options.limit);
  const EvaluationReport report = options.predictions.empty() ? evaluate_model(options, dataset)
                                                              : evaluate_file(options, dataset);
  output.write(options.json ? to_json(report) : to_table(report));
  output.commit();
}

}  // namespace deformer::tools
