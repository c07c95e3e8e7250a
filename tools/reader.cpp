#include "tools/reader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "deformer/error.h"

namespace deformer::tools {
namespace {

constexpr double kNoSpanMargin = 1e9;

const Answer* best_span(const QaResult& result) {
  const auto span = std::find_if(result.answers.begin(), result.answers.end(),
                                 [](const Answer& answer) { return !answer.no_answer; });
  return span == result.answers.end() ? nullptr : &*span;
}

std::shared_ptr<StoreView> open_store(const Model& model, const ReaderOptions& options) {
  if (options.store.empty()) return nullptr;
  // A mistyped name is to be an error, not a new and empty store.
  auto store = open_existing_passage_store(options.store);
  if (store->fingerprint() != model.fingerprint()) {
    throw Error(ErrorCode::kIncompatible, options.store + ": expected the model's fingerprint " +
                                              to_string(model.fingerprint()) + ", found " +
                                              to_string(store->fingerprint()));
  }
  using Missing = StoreView::Missing;
  return std::make_shared<StoreView>(std::move(store),
                                     options.require_store ? Missing::kRefuse : Missing::kAllow);
}

}  // namespace

void add_reader_options(CLI::App& verb, ReaderOptions& options) {
  const std::string group = "Answering";
  verb.add_option("--max-answer-tokens", options.max_answer_tokens,
                  "Longest answer; 0 = the model's own (30 as published)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  verb.add_flag("--no-answer", options.no_answer,
                "Let \"no answer\" compete (models trained on SQuAD 2.0)")
      ->group(group);
  verb.add_option("--no-answer-threshold", options.no_answer_threshold,
                  "\"No answer\" wins when it scores higher than the best span by more than this")
      ->type_name("X")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--batch-tokens", options.batch_tokens,
                  "Most tokens of one pass: memory against speed")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
  verb.add_option("--long-questions", options.long_questions,
                  "For a question longer than the model reads")
      ->type_name("cut|error")
      ->check(CLI::IsMember({"cut", "error"}))
      ->capture_default_str()
      ->group(group);
  auto* store = verb.add_option("--store", options.store,
                                "Take passages from this store (deformer encode) where it has them")
                    ->type_name("URI")
                    ->group("Passage store");
  verb.add_flag("--require-store", options.require_store,
                "Stop at a passage that the store lacks instead of encoding it")
      ->needs(store)
      ->group("Passage store");
  verb.add_flag("--timing", options.timing, "Say on stderr where the time went")->group(group);
}

Reader::Reader(std::shared_ptr<const Model> model, ReaderOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      store_(open_store(*model_, options_)),
      qa_(model_, store_) {}

void Reader::check_question(std::string_view question, const std::string& where) const {
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

std::vector<QaResult> Reader::answer(const std::vector<QaRequest>& requests,
                                     const ProgressCallback& progress) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<QaResult> results(requests.size());
  std::vector<QaRequest> askable;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    results[i].id = requests[i].id;
    if (requests[i].passages.empty()) continue;
    places.push_back(i);
    askable.push_back(requests[i]);
  }
  if (store_) store_->expect(askable);
  SpanQaOptions options;
  options.top_k = options_.top_k.value_or(1);
  options.max_answer_tokens = options_.max_answer_tokens;
  options.allow_no_answer = options_.no_answer;
  options.no_answer_threshold = options_.no_answer_threshold;
  options.batch_tokens = options_.batch_tokens;
  options.progress = progress;
  options.stage_times = options_.timing ? &times_ : nullptr;
  std::vector<QaResult> answered = qa_.answer(askable, options);
  for (std::size_t i = 0; i < answered.size(); ++i) {
    cut_ += answered[i].question_cut ? 1 : 0;
    results[places[i]] = std::move(answered[i]);
  }
  answered_ += requests.size();
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return results;
}

void Reader::report(const Talk& talk) const {
  if (cut_ > 0) {
    talk.note("questions cut to " + std::to_string(model_->config().split.max_question_tokens) +
              " tokens (--long-questions): " + grouped(cut_) + " of " + grouped(answered_));
  }
  if (store_ && store_->missing() > 0) {
    talk.note("passages encoded because the store lacks them: " + grouped(store_->missing()) +
              " of " + grouped(store_->looked_up()));
  }
  if (options_.timing) report_timing(talk);
}

void Reader::report_timing(const Talk& talk) const {
  const double whole = std::max(seconds_, 1e-9);
  std::string line = "time " + fixed(seconds_, 2) + " s";
  const auto add = [&](const char* stage, double seconds) {
    line += std::string(", ") + stage + " " + fixed(seconds, 2) + " s (" +
            fixed(100 * seconds / whole, 1) + " %)";
  };
  add("tokenise", times_.tokenize);
  add("read", times_.read);
  add("lower", times_.lower);
  add("upper", times_.upper);
  add("decode", times_.decode);
  const double stages = times_.tokenize + times_.read + times_.lower + times_.upper + times_.decode;
  add("other", std::max(seconds_ - stages, 0.0));
  talk.note(line);
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
