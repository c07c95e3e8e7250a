// A service without a model: it says what a test wants, when the test wants it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "serve/answer_service.h"

namespace deformer::test {

/// Answers every question with itself. Safe for concurrent calls.
class FakeService : public serve::AnswerService {
 public:
  [[nodiscard]] TaskKind kind() const override { return kind_; }
  [[nodiscard]] const std::vector<std::string>& labels() const override { return labels_; }

  // As byte-level BPE, where a space is a token; a no-break space is what other tokenizers drop.
  [[nodiscard]] bool has_token(const std::string& question) const override {
    return !question.empty() && question != "\u00a0";
  }
  void answer(QaRequest request, serve::Done<QaResult> done) override {
    const std::scoped_lock lock(mutex_);
    ++asked_;
    asked_changed_.notify_all();
    last_ = request;
    tokens_of_clients_.push_back(request.control.cancel);
    if (overloaded_) {
      return done(Error(ErrorCode::kOverloaded, "the queue is full"));
    }
    if (fault_) return done(*fault_);
    QaResult result;
    Answer answer;
    answer.text = request.question;
    answer.passage_id = request.passages.front().id;
    answer.probability = 0.5;
    result.times = RequestTimes{.wait = 0.5, .upper = 0.25, .total = 1};
    result.answers.assign(request.options->top_k, answer);
    const auto reply = [done = std::move(done), result, cancel = request.control.cancel] {
      if (cancel.stop_requested()) return done(Error(ErrorCode::kCancelled, "cancelled"));
      done(result);
    };
    if (!held_) return reply();
    waiting_.emplace_back(reply);
  }
  void classify(PairRequest request, serve::Done<PairResult> done) override {
    PairResult result;
    result.label = request.question == "true" ? 1 : 0;
    // No label has this number: what makes a response of it throws.
    if (request.question == "neither") result.label = 7;
    result.probabilities = {0.25, 0.75};
    done(result);
  }
  void choose(ChoiceRequest request, serve::Done<ChoiceResult> done) override {
    ChoiceResult result;
    result.choice = static_cast<int>(request.choices.size()) - 1;
    result.probabilities.assign(request.choices.size(), 0.5);
    done(result);
  }

  [[nodiscard]] bool has_store() const override { return has_store_; }
  void put_passages(std::vector<Passage> passages, RequestControl control,
                    serve::Done<serve::PutReport> done) override {
    const std::scoped_lock lock(mutex_);
    last_put_ = std::move(control);
    ++puts_;
    asked_changed_.notify_all();
    if (store_fault_) return done(*store_fault_);
    if (room_ == 0) return done(Error(ErrorCode::kOverloaded, "the queue is full"));
    --room_;
    serve::PutReport report;
    std::set<std::string> ids;
    for (const Passage& passage : passages) {
      if (!ids.insert(passage.id).second) {
        return done(
            Error(ErrorCode::kInvalidArgument, "expected ids of their own, found one twice"));
      }
      report.ids.push_back(passage.id);
      report.encoded += store_[passage.id] == passage.text ? 0 : 1;
      store_[passage.id] = passage.text;
    }
    reply_of_store([done = std::move(done), report] { done(report); });
  }
  void find_passage(std::string id,
                    serve::Done<std::optional<serve::StoredPassage>> done) override {
    const std::scoped_lock lock(mutex_);
    using Found = std::optional<serve::StoredPassage>;
    if (store_fault_) return done(*store_fault_);
    const auto found = store_.find(id);
    const Found passage = found == store_.end() ? Found() : Found({id, found->second, 3, 1});
    reply_of_store([done = std::move(done), passage] { done(passage); });
  }
  void list_passages(serve::PassageQuery query, serve::Done<serve::PassageList> done) override {
    const std::scoped_lock lock(mutex_);
    if (store_fault_) return done(*store_fault_);
    serve::PassageList list;
    for (const auto& [id, text] : store_) {
      if (id <= query.after || !id.starts_with(query.prefix)) continue;
      if (list.ids.size() == query.limit) {
        list.next = list.ids.back();
        break;
      }
      list.ids.push_back(id);
    }
    reply_of_store([done = std::move(done), list] { done(list); });
  }
  void describe(serve::Done<serve::ServiceDescription> done) override {
    const std::scoped_lock lock(mutex_);
    if (store_fault_) return done(*store_fault_);
    const serve::ServiceDescription description{
        6, 3, serve::StoreDescription{.engine = "fake", .passages = store_.size(), .bytes = 42}};
    reply_of_store([done = std::move(done), description] { done(description); });
  }
  void erase_passage(std::string id, serve::Done<std::size_t> done) override {
    const std::scoped_lock lock(mutex_);
    const std::size_t erased = store_.erase(id);
    reply_of_store([done = std::move(done), erased] { done(erased); });
  }
  void close() override {}
  [[nodiscard]] serve::ServiceStats stats() const override {
    return {.retry_after_s = 7, .write_retry_after_s = 9};
  }

  // What the test does.

  void set_kind(TaskKind kind) { kind_ = kind; }
  void take_store_away() { has_store_ = false; }
  /// There is room for so many more puts.
  void set_room(std::size_t puts) {
    const std::scoped_lock lock(mutex_);
    room_ = puts;
  }
  void set_overloaded(bool overloaded) {
    const std::scoped_lock lock(mutex_);
    overloaded_ = overloaded;
  }
  void set_fault(std::optional<Error> fault) {
    const std::scoped_lock lock(mutex_);
    fault_ = std::move(fault);
  }
  void set_store_fault(std::optional<Error> fault) {
    const std::scoped_lock lock(mutex_);
    store_fault_ = std::move(fault);
  }
  /// Answers wait for release().
  void hold() {
    const std::scoped_lock lock(mutex_);
    held_ = true;
  }
  /// What concerns passages is done at once, and its replies wait for release().
  void hold_store() {
    const std::scoped_lock lock(mutex_);
    store_held_ = true;
  }
  void release() {
    std::vector<std::function<void()>> waiting;
    {
      const std::scoped_lock lock(mutex_);
      held_ = false;
      store_held_ = false;
      waiting.swap(waiting_);
    }
    for (const auto& reply : waiting) reply();
  }
  /// Of what waits the first alone. False when nothing did.
  bool release_first() {
    std::function<void()> first;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.empty()) return false;
      first = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
    }
    first();
    return true;
  }
  void wait_for_questions(std::size_t count) {
    std::unique_lock lock(mutex_);
    asked_changed_.wait_for(lock, std::chrono::seconds(10), [&] { return asked_ >= count; });
  }
  void wait_for_puts(std::size_t count) {
    std::unique_lock lock(mutex_);
    asked_changed_.wait_for(lock, std::chrono::seconds(10), [&] { return puts_ >= count; });
  }
  [[nodiscard]] RequestControl last_put() const {
    const std::scoped_lock lock(mutex_);
    return last_put_;
  }
  [[nodiscard]] bool has_passage(const std::string& id) const {
    const std::scoped_lock lock(mutex_);
    return store_.contains(id);
  }
  [[nodiscard]] QaRequest last() const {
    const std::scoped_lock lock(mutex_);
    return last_;
  }
  [[nodiscard]] std::size_t asked() const {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }
  [[nodiscard]] std::stop_token client(std::size_t question) const {
    const std::scoped_lock lock(mutex_);
    return tokens_of_clients_.at(question);
  }

 private:
  // Under the lock.
  void reply_of_store(std::function<void()> reply) {
    if (!store_held_) return reply();
    waiting_.push_back(std::move(reply));
  }

  TaskKind kind_ = TaskKind::kSpan;
  std::vector<std::string> labels_{"false", "true"};
  mutable std::mutex mutex_;
  std::condition_variable asked_changed_;
  std::size_t asked_ = 0;
  QaRequest last_;
  std::vector<std::stop_token> tokens_of_clients_;
  RequestControl last_put_;
  std::size_t puts_ = 0;
  std::map<std::string, std::string> store_;
  std::vector<std::function<void()>> waiting_;
  std::optional<Error> fault_;
  std::optional<Error> store_fault_;
  std::size_t room_ = std::numeric_limits<std::size_t>::max();
  std::atomic<bool> has_store_ = true;
  bool overloaded_ = false;
  bool held_ = false;
  bool store_held_ = false;
};

}  // namespace deformer::test
