#include "tools/cmd_evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/number_text.h"
#include "deformer/error.h"
#include "deformer/metrics.h"
#include "deformer/predictions.h"
#include "tools/classify_modes.h"
#include "tools/cost.h"
#include "tools/evaluation_report.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/squad_run.h"

namespace deformer::tools {
namespace {

constexpr const char* kEvaluateFooter = R"(Examples:
  deformer evaluate --squad dev-v1.1.json --predictions predictions.json
  deformer evaluate --squad dev-v1.1.json --model DIR --output predictions.json
  deformer evaluate --squad dev-v2.0.json --model DIR --no-answer --json
  deformer evaluate --squad tune-v2.0.json --model DIR --tune-threshold
  deformer evaluate --data my-examples.jsonl --model DIR

The numbers are those of the official scorers: evaluate-v2.0.py when a question of the file is
marked unanswerable, else evaluate-v1.1.py. Of --data it is the accuracy of classes or choices, as
classify prints it. docs/cli.md has the table's and the JSON's fields.)";

// The largest number below every score.
double below_all(const NoAnswerScores& scores) {
  double lowest = 0;
  for (const auto& [id, score] : scores) lowest = std::min(lowest, score);
  return std::nextafter(lowest, -std::numeric_limits<double>::infinity());
}

// Before a model answers for minutes.
void require_gold(const SquadDataset& dataset, const std::string& file) {
  const std::size_t questions = dataset.num_questions();
  if (questions == 0) {
    throw Error(ErrorCode::kInvalidArgument, file + ": expected at least one question, found none");
  }
  const auto has_gold = [](const SquadParagraph& paragraph) {
    return std::any_of(paragraph.questions.begin(), paragraph.questions.end(),
                       [](const SquadQuestion& question) { return !question.answers.empty(); });
  };
  bool scorable = dataset.has_unanswerable();
  for (const SquadArticle& article : dataset.articles) {
    scorable =
        scorable || std::any_of(article.paragraphs.begin(), article.paragraphs.end(), has_gold);
  }
  if (scorable) return;
  throw Error(ErrorCode::kInvalidArgument,
              file + ": expected gold answers to compare with, found " + grouped(questions) +
                  " questions without one (those that have no answer are marked \"is_impossible\": "
                  "true)");
}

void require_unanswerable(const SquadDataset& dataset, const std::string& file) {
  if (dataset.has_unanswerable()) return;
  throw Error(ErrorCode::kInvalidArgument,
              file +
                  ": --tune-threshold: expected questions marked is_impossible (SQuAD 2.0), found "
                  "none");
}

// The metrics at the threshold given, or at the one that the official search finds best for F1.
EvaluationReport evaluate_spans(const EvaluateVerbOptions& options, const SquadDataset& dataset,
                                const Predictions& spans, const NoAnswerScores* scores,
                                double threshold) {
  EvaluationReport report;
  report.evaluation = evaluate_squad(dataset, spans, scores, threshold);
  if (!options.tune_threshold) return report;
  const BestThreshold best = *report.evaluation.best;
  const auto try_threshold = [&](double tuned) {
    report.tuned_threshold = tuned;
    report.evaluation = evaluate_squad(dataset, spans, scores, tuned);
  };
  try_threshold(best.best_f1_threshold);
  // Where answering nothing is best the official search leaves 0, meant for probabilities; margins
  // lie below it too.
  const double nothing = below_all(*scores);
  if (best.best_f1_threshold == 0 && nothing < 0 && report.evaluation.overall.f1 < best.best_f1) {
    try_threshold(nothing);
  }
  return report;
}

// As answered at this threshold: "no answer" wins when it outscores the best span by more.
PredictionList answers_at(const NoAnswerScores& margins, const Predictions& spans,
                          double threshold) {
  PredictionList answers;
  for (const auto& [id, margin] : margins) {
    answers.emplace_back(id, margin > threshold ? std::string() : spans.at(id));
  }
  return answers;
}

EvaluationReport evaluate_file(const EvaluateVerbOptions& options, const SquadDataset& dataset) {
  const Predictions predictions = load_predictions(options.predictions);
  std::optional<NoAnswerScores> scores;
  if (!options.na_scores.empty()) scores = load_no_answer_scores(options.na_scores);
  return evaluate_spans(options, dataset, predictions, scores ? &*scores : nullptr,
                        options.na_threshold);
}

// With "no answer" the best spans are scored and the threshold is left to the scorer: its search
// for the best threshold needs the spans that the threshold hides.
EvaluationReport evaluate_model(const EvaluateVerbOptions& options, const SquadDataset& dataset) {
  const Talk talk(options.quiet);
  std::optional<Output> output;
  if (!options.output.empty()) output.emplace(options.output);
  AnswererOptions answerer_options = options.answerer;
  const bool no_answer = answerer_options.no_answer || options.tune_threshold;
  answerer_options.no_answer = no_answer;
  if (no_answer) answerer_options.top_k = 2;
  Answerer answerer(load_model(options.model, talk), std::move(answerer_options));
  Predictions spans;
  PredictionList answers;
  NoAnswerScores margins;
  answer_squad(answerer, dataset, options.squad, talk,
               [&](const SquadQuestion& question, const QaResult& result) {
                 spans.emplace(question.id, best_span_text(result));
                 answers.emplace_back(question.id, best_text(result));
                 margins.emplace_back(question.id, no_answer_margin(result));
               });
  // Under SQuAD 1.1's rules the scorer knows no threshold: it gets what was answered.
  const bool has_threshold = no_answer && dataset.has_unanswerable();
  if (no_answer && !has_threshold) spans = Predictions(answers.begin(), answers.end());
  EvaluationReport report =
      evaluate_spans(options, dataset, spans, has_threshold ? &margins : nullptr,
                     options.answerer.no_answer_threshold);
  if (report.tuned_threshold) answers = answers_at(margins, spans, *report.tuned_threshold);
  report.run = ModelRun{answerer.answered(), answerer.seconds(), peak_rss_bytes()};
  if (output) {
    output->write(format_predictions(answers));
    output->commit();
  }
  answerer.report(talk);
  return report;
}

// Accuracy of classes or choices: what classify says, but that there has to be a score.
void evaluate_data(const EvaluateVerbOptions& options) {
  ClassifyVerbOptions classify;
  classify.model = options.model;
  classify.data = options.data;
  classify.limit = options.limit;
  classify.output = options.output;
  classify.store = options.answerer.store;
  classify.require_store = options.answerer.require_store;
  classify.batch_tokens = options.answerer.batch_tokens;
  classify.timing = options.answerer.timing;
  classify.json = options.json;
  classify.quiet = options.quiet;
  score_data(classify);
}

// Of --data no span is asked for; with --predictions nothing runs at all.
void exclude_what_would_be_ignored(CLI::App& verb) {
  auto* data = verb.get_option("--data");
  auto* predictions = verb.get_option("--predictions");
  data->excludes(verb.get_option("--tune-threshold"));
  for (const char* name : {"--no-answer", "--no-answer-threshold", "--max-answer-tokens",
                           "--no-align-to-words", "--long-questions"}) {
    data->excludes(verb.get_option(name));
    predictions->excludes(verb.get_option(name));
  }
  for (const char* name :
       {"--device", "--precision", "--weights", "--threads", "--tokenizer-file", "--split-layer",
        "--layout", "--task", "--batch-tokens", "--store", "--require-store", "--timing"}) {
    predictions->excludes(verb.get_option(name));
  }
}

}  // namespace

CLI::App* add_evaluate(CLI::App& app, EvaluateVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("evaluate", "Score predictions, or a model, on a SQuAD file");
  const std::string group = "Input (--predictions or --model)";
  auto* squad = verb->add_option("--squad", options.squad, "SQuAD file with the gold answers")
                    ->check(not_empty())
                    ->type_name("FILE")
                    ->group(group);
  auto* predictions = verb->add_option("--predictions", options.predictions, R"({"id": "text"})")
                          ->check(not_empty())
                          ->type_name("FILE")
                          ->group(group);
  auto* model = verb->add_option("--model", options.model.model_dir, "Model that answers first")
                    ->check(not_empty())
                    ->type_name("DIR")
                    ->group(group);
  predictions->excludes(model);
  predictions->needs(squad);
  verb->add_option("--data", options.data,
                   "Examples with classes or choices, as classify reads them")
      ->check(not_empty())
      ->type_name("PATH")
      ->needs(model)
      ->excludes(squad)
      ->group(group);
  auto* scores = verb->add_option("--na-scores", options.na_scores, R"({"id": number}, SQuAD 2.0)")
                     ->needs(predictions)
                     ->check(not_empty())
                     ->type_name("FILE")
                     ->group(group);
  auto* threshold = verb->add_option("--na-threshold", options.na_threshold,
                                     R"(A higher score counts as "no answer")")
                        ->needs(scores)
                        ->type_name("X")
                        ->check(real_number())
                        ->capture_default_str()
                        ->group(group);
  verb->add_option("--limit", options.limit, "Score the first N questions only")
      ->type_name("N")
      ->transform(whole_number(1))
      ->group(group);
  verb->add_option("--output", options.output, "Keep the model's predictions")
      ->needs(model)
      ->check(output_name())
      ->type_name("FILE")
      ->group("Output");
  verb->add_flag("--json", options.json, "JSON instead of a table")->group("Output");
  verb->add_flag("--quiet", options.quiet, "No progress and no notes on stderr")->group("Output");
  add_runtime_options(*verb, options.model);
  add_task_option(*verb, options.model);
  add_answerer_options(*verb, options.answerer);
  verb->add_flag("--tune-threshold", options.tune_threshold,
                 "Score at the threshold that is best for F1 on this very file, and print it; with "
                 "--model implies --no-answer")
      ->excludes(threshold)
      ->excludes(verb->get_option("--no-answer-threshold"))
      ->group("Answering");
  exclude_what_would_be_ignored(*verb);
  verb->footer(kEvaluateFooter);
  return verb;
}

void run_evaluate(const EvaluateVerbOptions& options) {
  if (options.predictions.empty() && options.model.model_dir.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "evaluate: expected --predictions or --model, found neither");
  }
  if (options.tune_threshold && options.model.model_dir.empty() && options.na_scores.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--tune-threshold: expected --na-scores with --predictions, found none");
  }
  if (options.squad.empty() && options.data.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "evaluate: expected --squad or --data, found neither");
  }
  const bool stdout_taken = options.output == "-";
  if (stdout_taken && options.json) refuse_beside_json("the score", "predictions", "--output");
  if (!options.data.empty()) return evaluate_data(options);
  Output output("-");
  const bool is_answered = !options.predictions.empty();
  SquadDataset dataset =
      load_squad(options.squad, is_answered ? SquadUse::kScores : SquadUse::kQuestions);
  if (options.limit) keep_first_questions(dataset, *options.limit);
  require_gold(dataset, options.squad);
  if (options.tune_threshold) require_unanswerable(dataset, options.squad);
  const EvaluationReport report =
      is_answered ? evaluate_file(options, dataset) : evaluate_model(options, dataset);
  if (stdout_taken) return Talk(options.quiet).note(to_note(report));
  output.write(options.json ? to_json(report) : to_table(report));
  output.commit();
}

}  // namespace deformer::tools
