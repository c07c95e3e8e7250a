#include "tools/answerer.h"

#include <algorithm>
#include <utility>

#include "base/number_text.h"
#include "base/stopwatch.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

constexpr double kNoSpanMargin = 1e9;

const Answer* best_span(const QaResult& result) {
  const auto span = std::find_if(result.answers.begin(), result.answers.end(),
                                 [](const Answer& answer) { return !answer.no_answer; });
  return span == result.answers.end() ? nullptr : &*span;
}

}  // namespace

void add_answerer_options(CLI::App& verb, AnswererOptions& options) {
  OptionGroup group(verb, "Answering");
  AnswerOptions& answer = options.answer;
  group.number("--max-answer-tokens", answer.max_answer_tokens, "N",
               "Longest answer; 0 = the model's own (30 as published)", whole_int(0));
  verb.add_flag_callback(
          "--no-align-to-words", [&answer] { answer.align_to_words = false; },
          "Let an answer be a part of a word, as the model's tokens are")
      ->check(no_value())
      ->group("Answering");
  group.flag("--no-answer", answer.allow_no_answer,
             "Let \"no answer\" compete (models trained on SQuAD 2.0)");
  group
      .number("--no-answer-threshold", answer.no_answer_threshold, "X",
              "\"No answer\" wins when it scores higher than the best span by more than this",
              real_number())
      ->needs("--no-answer");
  add_batch_tokens(group, options.reading);
  group.choice("--long-questions", options.long_questions,
               "For a question longer than the model reads: cut it, or error",
               Choices<std::string>{{"cut", "cut"}, {"error", "error"}});
  add_store_and_timing(verb, group, options.reading);
}

Answerer::Answerer(std::shared_ptr<const Model> model, AnswererOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      store_(open_store_view(*model_, options_.reading)),
      qa_(model_, store_) {
  options_.answer.top_k = options_.top_k.value_or(1);
}

void Answerer::check_question(std::string_view question, const std::string& where) const {
  const std::size_t tokens = model_->tokenizer().tokenize(question).ids.size();
  if (tokens == 0) {
    throw invalid(where + ": expected a question of at least one token, found " +
                  (question.empty() ? "an empty one" : "a blank one"));
  }
  const int limit = model_->config().split.max_question_tokens;
  if (options_.long_questions == "error" && tokens > static_cast<std::size_t>(limit)) {
    throw invalid(where + ": expected a question of at most " + std::to_string(limit) +
                  " tokens, found " + std::to_string(tokens));
  }
}

std::vector<QaResult> Answerer::answer(const std::vector<QaRequest>& requests,
                                       const ProgressCallback& progress) {
  std::vector<QaResult> results(requests.size());
  answer_each(
      requests,
      [&](std::size_t request, Outcome<QaResult>&& outcome) {
        results[request] = std::move(outcome).value();
      },
      progress);
  return results;
}

void Answerer::answer_each(const std::vector<QaRequest>& requests, const QaSink& sink,
                           const ProgressCallback& progress) {
  const Stopwatch watch;
  std::vector<QaRequest> askable;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].passages.empty()) {
      QaResult nothing;
      nothing.id = requests[i].id;
      sink(i, std::move(nothing));
      continue;
    }
    places.push_back(i);
    askable.push_back(requests[i]);
  }
  expect_passages(askable);
  const auto count = [&](std::size_t place, Outcome<QaResult>&& outcome) {
    cut_ += outcome.ok() && outcome.value().question_cut ? 1 : 0;
    sink(places[place], std::move(outcome));
  };
  times_ += qa_.answer_each(askable, count, options_.answer,
                            {.batch_tokens = options_.reading.batch_tokens, .progress = progress});
  answered_ += requests.size();
  seconds_ += watch.seconds();
}

void Answerer::report(const Talk& talk) const {
  if (cut_ > 0) {
    talk.note("questions cut to " + std::to_string(model_->config().split.max_question_tokens) +
              " tokens (--long-questions): " + grouped(cut_) + " of " + grouped(answered_));
  }
  report_reading(options_.reading, store_.get(), times_, seconds_, talk);
}

void Answerer::expect_passages(const std::vector<QaRequest>& requests) {
  if (!store_) return;
  std::vector<const Passage*> passages;
  for (const QaRequest& request : requests) {
    for (const Passage& passage : request.passages) passages.push_back(&passage);
  }
  store_->expect(passages);
}

std::string best_text(const QaResult& result) {
  return result.answers.empty() ? "" : result.answers.front().text;
}

std::string best_span_text(const QaResult& result) {
  const Answer* const span = best_span(result);
  return span == nullptr ? "" : span->text;
}

double no_answer_margin(const QaResult& result) {
  const Answer* const span = best_span(result);
  if (span == nullptr || !result.no_answer_score) return kNoSpanMargin;
  return *result.no_answer_score - span->score;
}

}  // namespace deformer::tools
