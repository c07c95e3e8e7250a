#include "tools/answerer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/number_text.h"
#include "deformer/error.h"
#include "tools/cost.h"
#include "tools/model_options.h"
#include "tools/number.h"

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
  const std::string group = "Answering";
  verb.add_option("--max-answer-tokens", options.max_answer_tokens,
                  "Longest answer; 0 = the model's own (30 as published)")
      ->type_name("N")
      ->transform(whole_int(0))
      ->capture_default_str()
      ->group(group);
  verb.add_flag_callback(
          "--no-align-to-words", [&options] { options.align_to_words = false; },
          "Let an answer be a part of a word, as the model's tokens are")
      ->group(group);
  auto* no_answer = verb.add_flag("--no-answer", options.no_answer,
                                  "Let \"no answer\" compete (models trained on SQuAD 2.0)")
                        ->group(group);
  verb.add_option("--no-answer-threshold", options.no_answer_threshold,
                  "\"No answer\" wins when it scores higher than the best span by more than this")
      ->type_name("X")
      ->check(real_number())
      ->needs(no_answer)
      ->capture_default_str()
      ->group(group);
  verb.add_option("--batch-tokens", options.batch_tokens,
                  "Most tokens of one pass: memory against speed")
      ->type_name("N")
      ->transform(whole_number(1))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--long-questions", options.long_questions,
                  "For a question longer than the model reads")
      ->type_name("cut|error")
      ->check(CLI::IsMember({"cut", "error"}))
      ->capture_default_str()
      ->group(group);
  add_store_options(verb, options.store, options.require_store);
  verb.add_flag("--timing", options.timing, "Say on stderr where the time went")->group(group);
}

Answerer::Answerer(std::shared_ptr<const Model> model, AnswererOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      store_(open_store_view(*model_, options_.store, options_.require_store)),
      qa_(model_, store_) {}

void Answerer::check_question(std::string_view question, const std::string& where) const {
  const std::size_t tokens = model_->tokenizer().tokenize(question).ids.size();
  if (tokens == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                where + ": expected a question of at least one token, found " +
                    (question.empty() ? "an empty one" : "a blank one"));
  }
  const int limit = model_->config().split.max_question_tokens;
  if (options_.long_questions == "error" && tokens > static_cast<std::size_t>(limit)) {
    throw Error(ErrorCode::kInvalidArgument, where + ": expected a question of at most " +
                                                 std::to_string(limit) + " tokens, found " +
                                                 std::to_string(tokens));
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
  const auto start = std::chrono::steady_clock::now();
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
  times_ += qa_.answer_each(askable, count, answer_options(),
                            {.batch_tokens = options_.batch_tokens, .progress = progress});
  answered_ += requests.size();
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

AnswerOptions Answerer::answer_options() const {
  return {.top_k = options_.top_k.value_or(1),
          .max_answer_tokens = options_.max_answer_tokens,
          .align_to_words = options_.align_to_words,
          .allow_no_answer = options_.no_answer,
          .no_answer_threshold = options_.no_answer_threshold};
}

void Answerer::report(const Talk& talk) const {
  if (cut_ > 0) {
    talk.note("questions cut to " + std::to_string(model_->config().split.max_question_tokens) +
              " tokens (--long-questions): " + grouped(cut_) + " of " + grouped(answered_));
  }
  if (store_ && store_->missing() > 0) {
    talk.note("passages encoded because the store lacks them: " + grouped(store_->missing()) +
              " of " + grouped(store_->looked_up()));
  }
  if (options_.timing) talk.note(timing_line(times_, seconds_));
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
