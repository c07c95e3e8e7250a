#include "tools/answer_modes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/number_text.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "deformer/predictions.h"
#include "serve/answer_json.h"
#include "tools/input.h"
#include "tools/jsonl_run.h"
#include "tools/output.h"
#include "tools/squad_run.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kNbestTopK = 20;  // as the official BERT code writes

// The files of one run. All are opened before the work starts and committed after it.
class SquadOutputs {
 public:
  explicit SquadOutputs(const AnswerVerbOptions& options) : predictions_(options.output) {
    if (is_same_place(options.nbest, options.output) ||
        is_same_place(options.na_scores, options.output) ||
        is_same_place(options.na_scores, options.nbest)) {
      throw Error(ErrorCode::kInvalidArgument,
                  "answer: expected different places for --output, --nbest and --na-scores");
    }
    if (!options.nbest.empty()) nbest_.emplace(options.nbest);
    if (!options.na_scores.empty()) na_scores_.emplace(options.na_scores);
    if (nbest_) nbest_->write("{");
  }

  void add(const SquadQuestion& question, QaResult result, std::size_t top_k) {
    scores_.emplace_back(question.id, no_answer_margin(result));
    if (result.answers.size() > top_k) result.answers.resize(top_k);
    texts_.emplace_back(question.id, best_text(result));
    if (!nbest_) return;
    const char* separator = texts_.size() == 1 ? "\n" : ",\n";
    nbest_->write(separator + serve::json_string(question.id) + ": " +
                  serve::answers_array(result));
  }

  void commit() {
    predictions_.write(format_predictions(texts_));
    if (na_scores_) na_scores_->write(format_no_answer_scores(scores_));
    if (nbest_) nbest_->write("\n}\n");
    if (na_scores_) na_scores_->commit();
    if (nbest_) nbest_->commit();
    predictions_.commit();
  }

 private:
  Output predictions_;
  std::optional<Output> nbest_;
  std::optional<Output> na_scores_;
  PredictionList texts_;
  NoAnswerScores scores_;
};

void print_answers(const QaResult& result, const std::string& question, Output& output) {
  output.write(question + "\n");
  if (result.answers.empty()) output.write("  (no answer: the passage has no words)\n");
  for (const Answer& answer : result.answers) {
    output.write("  " + (answer.no_answer ? "(no answer)" : one_line(answer.text)) + "\n    ");
    if (!answer.no_answer) {
      output.write("characters " + std::to_string(answer.start) + "-" + std::to_string(answer.end) +
                   ", ");
    }
    output.write("score " + fixed(answer.score, 3) + ", probability " +
                 fixed(answer.probability, 3) + "\n");
  }
}

std::string read_passage(const std::string& path) {
  std::string text = read_text(path);
  if (text.find_first_not_of(" \t\r\n") != std::string::npos) return text;
  throw Error(ErrorCode::kInvalidArgument, (path == "-" ? "standard input" : path) +
                                               ": expected a passage, found " +
                                               (text.empty() ? "an empty" : "a blank") + " file");
}

}  // namespace

void answer_squad_file(const AnswerVerbOptions& options) {
  if (options.answerer.top_k.value_or(1) > 1 && options.nbest.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "--top-k: expected --nbest FILE with --squad, found none: predictions hold the best "
        "answer alone");
  }
  const Talk talk(options.quiet);
  AnswererOptions answerer_options = options.answerer;
  const std::size_t top_k = options.answerer.top_k.value_or(options.nbest.empty() ? 1 : kNbestTopK);
  // With one answer, "no answer" may hide the best span, which the margin needs.
  answerer_options.top_k = options.na_scores.empty() ? top_k : std::max<std::size_t>(top_k, 2);
  SquadOutputs outputs(options);
  SquadDataset dataset = load_squad(options.squad);
  if (options.limit) keep_first_questions(dataset, *options.limit);
  Answerer answerer(load_model(options.model, talk), std::move(answerer_options));
  answer_squad(answerer, dataset, options.squad, talk,
               [&](const SquadQuestion& question, const QaResult& result) {
                 outputs.add(question, result, top_k);
               });
  outputs.commit();
  answerer.report(talk);
}

void answer_jsonl_stream(const AnswerVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output(options.output);
  Answerer answerer(load_model(options.model, talk), options.answerer);
  const std::size_t errors = answer_jsonl(
      answerer, {.path = options.jsonl, .keep_going = options.keep_going, .limit = options.limit},
      talk, output);
  output.commit();
  answerer.report(talk);
  if (errors > 0) talk.note("lines that could not be answered: " + grouped(errors));
}

void answer_passage(const AnswerVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output(options.output);
  Passage passage;
  passage.text = read_passage(options.passage);
  passage.id = content_id(passage.text);
  Answerer answerer(load_model(options.model, talk), options.answerer);
  std::vector<QaRequest> requests;
  for (std::size_t i = 0; i < options.questions.size(); ++i) {
    answerer.check_question(options.questions[i], "--question " + std::to_string(i + 1));
    requests.push_back({.id = "", .question = options.questions[i], .passages = {passage}});
  }
  const std::vector<QaResult> results = answerer.answer(requests);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (options.json) {
      output.write(serve::result_line(results[i], {.id_json = "",
                                                   .question = options.questions[i],
                                                   .no_answer_score = options.answerer.no_answer}));
    } else {
      print_answers(results[i], options.questions[i], output);
    }
  }
  output.commit();
  answerer.report(talk);
}

}  // namespace deformer::tools
