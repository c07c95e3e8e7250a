#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/number_text.h"
#include "deformer/metrics.h"
#include "deformer/predictions.h"
#include "tools/classify_modes.h"
#include "tools/evaluation_report.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/squad_run.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kEvaluateFooter = R"(Examples:
  deformer evaluate --squad dev-v1.1.json --predictions predictions.json
  deformer evaluate --squad dev-v1.1.json --model DIR --output predictions.json
  deformer evaluate --squad dev-v2.0.json --model DIR --no-answer --json
  deformer evaluate --squad tune-v2.0.json --model DIR --tune-threshold
  deformer evaluate --data my-examples.jsonl --model DIR

The numbers are those of the official scorers: evaluate-v2.0.py when a question of the file is
marked unanswerable or has no answer where others have one, else evaluate-v1.1.py. Of --data it is
the accuracy of classes or choices, as classify prints it. docs/cli.md has the table's and the
JSON's fields.)";

struct EvaluateVerbOptions {
  std::string squad;  // one of the two
  std::string data;
  std::string predictions;
  std::string na_scores;
  double na_threshold = 1.0;
  bool tune_threshold = false;
  ModelOptions model;
  AnswererOptions answerer;
  std::string output;
  std::optional<std::size_t> limit;
  bool json = false;
  bool quiet = false;
};

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
    throw invalid(file + ": expected at least one question, found none");
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
  throw invalid(file + ": expected gold answers to compare with, found " + grouped(questions) +
                " questions without one (those that have no answer are marked \"is_impossible\": "
                "true)");
}

// Under SQuAD 1.1's rules there is no threshold for `option` to be of use.
void require_unanswerable(bool found, const std::string& file, const std::string& option) {
  if (found) return;
  throw invalid(file + ": " + option +
                ": expected questions without an answer (SQuAD 2.0), found none");
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

EvaluationReport evaluate_file(const EvaluateVerbOptions& options, const SquadDataset& dataset,
                               bool is_squad2) {
  const Predictions predictions = load_predictions(options.predictions);
  if (options.na_scores.empty()) {
    return evaluate_spans(options, dataset, predictions, nullptr, options.na_threshold);
  }
  const NoAnswerScores scores = load_no_answer_scores(options.na_scores);
  require_unanswerable(is_squad2, options.squad, "--na-scores");
  try {
    return evaluate_spans(options, dataset, predictions, &scores, options.na_threshold);
  } catch (const Error& error) {
    // What SQuAD 2.0's rules can miss is a score.
    throw Error(ErrorCode::kCorrupt, options.na_scores + ": " + error.what());
  }
}

struct Evaluated {
  EvaluationReport report;
  PredictionList answers;  // of a model
};

// With "no answer" the best spans are scored and the threshold is left to the scorer: its search
// for the best threshold needs the spans that the threshold hides.
Evaluated evaluate_model(const EvaluateVerbOptions& options, const SquadDataset& dataset) {
  const Talk talk(options.quiet);
  AnswererOptions answerer_options = options.answerer;
  const bool no_answer = answerer_options.answer.allow_no_answer || options.tune_threshold;
  answerer_options.answer.allow_no_answer = no_answer;
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
                     options.answerer.answer.no_answer_threshold);
  if (report.tuned_threshold) answers = answers_at(margins, spans, *report.tuned_threshold);
  report.cost = run_cost(answerer.answered(), answerer.seconds());
  answerer.report(talk);
  return {report, std::move(answers)};
}

// Accuracy of classes or choices: what classify says, but that there has to be a score.
void evaluate_data(const EvaluateVerbOptions& options) {
  ClassifyOptions classify;
  classify.model = options.model;
  classify.reading = options.answerer.reading;
  classify.data = options.data;
  classify.limit = options.limit;
  classify.output = options.output;
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

void add_evaluate_inputs(CLI::App& verb, EvaluateVerbOptions& options) {
  OptionGroup group(verb, "Input (--predictions or --model)");
  group.place("--squad", options.squad, "FILE", "SQuAD file with the gold answers");
  group.place("--predictions", options.predictions, "FILE", R"({"id": "text"})")->needs("--squad");
  group.place("--model", options.model.model_dir, "DIR", "Model that answers first")
      ->excludes("--predictions");
  group
      .place("--data", options.data, "PATH",
             "Examples with classes or choices, as classify reads them")
      ->needs("--model")
      ->excludes("--squad");
  group.place("--na-scores", options.na_scores, "FILE", R"({"id": number}, SQuAD 2.0)")
      ->needs("--predictions");
  group
      .number("--na-threshold", options.na_threshold, "X",
              R"(A higher score counts as "no answer")", real_number())
      ->needs("--na-scores");
  group.number("--limit", options.limit, "N", "Score the first N questions only", whole_number(1));
}

void add_evaluate_outputs(CLI::App& verb, EvaluateVerbOptions& options) {
  OptionGroup group(verb, "Output");
  group.output("--output", options.output, "Keep the model's predictions")->needs("--model");
  group.flag("--json", options.json, "JSON instead of a table");
  group.flag("--quiet", options.quiet, "No progress and no notes on stderr");
}

void require_inputs(const EvaluateVerbOptions& options) {
  if (options.predictions.empty() && options.model.model_dir.empty()) {
    throw invalid("evaluate: expected --predictions or --model, found neither");
  }
  if (options.tune_threshold && options.model.model_dir.empty() && options.na_scores.empty()) {
    throw invalid("--tune-threshold: expected --na-scores with --predictions, found none");
  }
  if (options.squad.empty() && options.data.empty()) {
    throw invalid("evaluate: expected --squad or --data, found neither");
  }
}

void evaluate_questions(const EvaluateVerbOptions& options) {
  const bool stdout_taken = is_stdout(options.output);
  Output score("-");
  std::optional<Output> predictions;
  if (!options.output.empty()) predictions.emplace(options.output);
  const bool is_answered = !options.predictions.empty();
  SquadDataset dataset =
      load_squad(options.squad, is_answered ? SquadUse::kScores : SquadUse::kQuestions);
  const bool is_squad2 = dataset.has_unanswerable();  // the file, whatever its first questions are
  if (options.limit) keep_first_questions(dataset, *options.limit);
  require_gold(dataset, options.squad);
  if (options.tune_threshold) {
    require_unanswerable(dataset.has_unanswerable(), options.squad, "--tune-threshold");
  }
  const Evaluated evaluated = is_answered
                                  ? Evaluated{evaluate_file(options, dataset, is_squad2), {}}
                                  : evaluate_model(options, dataset);
  do_all({[&] {
            if (!predictions) return;
            predictions->write(format_predictions(evaluated.answers));
            predictions->commit();
          },
          [&] {
            if (stdout_taken) return Talk(options.quiet).note(to_note(evaluated.report));
            score.write(options.json ? to_json(evaluated.report) : to_table(evaluated.report));
            score.commit();
          }});
}

int run_evaluate(const EvaluateVerbOptions& options) {
  require_inputs(options);
  if (is_stdout(options.output) && options.json) {
    refuse_beside_json("the score", "predictions", "--output");
  }
  refuse_input_as_output(all_inputs({options.squad, options.data}, options.model.model_dir,
                                    options.answerer.reading.store),
                         {{"--output", options.output}});
  if (options.data.empty()) {
    evaluate_questions(options);
  } else {
    evaluate_data(options);
  }
  return kExitOk;
}
}  // namespace

Verb add_evaluate(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("evaluate", "Score predictions, or a model, on a file with right answers");
  const auto options = std::make_shared<EvaluateVerbOptions>();
  add_evaluate_inputs(*verb, *options);
  add_evaluate_outputs(*verb, *options);
  add_runtime_options(*verb, options->model);
  add_task_option(*verb, options->model);
  add_answerer_options(*verb, options->answerer);
  OptionGroup(*verb, "Answering")
      .flag("--tune-threshold", options->tune_threshold,
            "Score at the threshold that is best for F1 on this very file, and print it; with "
            "--model implies --no-answer")
      ->excludes("--na-threshold")
      ->excludes("--no-answer-threshold");
  exclude_what_would_be_ignored(*verb);
  verb->footer(kEvaluateFooter);
  return {verb, [options] { return run_evaluate(*options); }};
}

}  // namespace deformer::tools
