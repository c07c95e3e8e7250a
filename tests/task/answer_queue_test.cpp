#include "deformer/answer_queue.h"
#include "deformer/model.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "deformer/error.h"
#include "deformer/passage_encoder.h"
#include "support/expect_error.h"
#include "support/failing_allocator.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passages.h"

namespace deformer {
namespace {

// A caller's own store: what `before` does comes before each look-up.
class OwnStore : public PassageStore {
 public:
  OwnStore(const Fingerprint& fingerprint, std::function<void()> before)
      : store_(open_passage_store("memory:", fingerprint)), before_(std::move(before)) {}

  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    before_();
    return store_->get(ids);
  }
  void put(std::span<const EncodedPassage> passages) override { store_->put(passages); }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  std::size_t size() const override { return store_->size(); }
  const Fingerprint& fingerprint() const noexcept override { return store_->fingerprint(); }

 private:
  std::shared_ptr<PassageStore> store_;
  std::function<void()> before_;
};

// Holds the queue's thread in the look-up of its passages until it is let go.
class GateStore : public OwnStore {
 public:
  explicit GateStore(const Fingerprint& fingerprint)
      : OwnStore(fingerprint, [this] { stop_once(); }) {}

  void wait_until_reached() { reached_.get_future().wait(); }
  void open() { open_.set_value(); }

 private:
  void stop_once() {
    if (entered_.exchange(true)) return;
    reached_.set_value();
    open_.get_future().wait();
  }

  std::atomic<bool> entered_{false};
  std::promise<void> reached_;
  std::promise<void> open_;
};

// The same, with states of the town that are no numbers.
class SpoiledGateStore final : public GateStore {
 public:
  using GateStore::GateStore;

  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    auto found = GateStore::get(ids);
    for (auto& each : found) {
      if (each && each->id == test::kTown.id) each = test::with_nan(*each);
    }
    return found;
  }
};

// Waits for the outcome, and sees that it comes once.
template <typename Result>
class Waiter {
 public:
  [[nodiscard]] std::function<void(Outcome<Result>&&)> done() {
    return [this](Outcome<Result>&& outcome) { promise_.set_value(std::move(outcome)); };
  }
  [[nodiscard]] const Outcome<Result>& outcome() {
    if (!outcome_) outcome_.emplace(promise_.get_future().get());
    return *outcome_;
  }
  [[nodiscard]] std::optional<ErrorCode> fault() {
    const Error* const error = outcome().error();
    return error == nullptr ? std::nullopt : std::optional(error->code());
  }

 private:
  std::promise<Outcome<Result>> promise_;
  std::optional<Outcome<Result>> outcome_;
};

class AnswerQueueTest : public testing::Test {
 protected:
  AnswerQueueTest() {
    test::write_tiny_model(dir_.path());
    model_ = Model::load(dir_.path());
  }

  [[nodiscard]] std::string expected(const std::string& question, const Passage& passage) const {
    const std::vector<QaRequest> request{{.question = question, .passages = {passage}}};
    return SpanQa(model_).answer(request).front().answers.front().text;
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

// Told, and nothing is left that close() would wait for.
TEST_F(AnswerQueueTest, ARequestThatMemoryIsTooShortForHasItsOutcome) {
  AnswerQueue queue(model_);
  std::size_t number = 0;
  for (bool enough = false; !enough;) {
    ++number;
    QaRequest request{.id = "r", .question = "Who moved?", .passages = {test::kTown}};
    std::atomic<int> outcomes{0};
    std::optional<ErrorCode> code;
    std::function<void(Outcome<QaResult> &&)> done = [&](Outcome<QaResult>&& outcome) {
      if (outcome.error() != nullptr) code = outcome.error()->code();
      ++outcomes;
    };
    enough = test::ends_before_allocation(
        number, [&] { queue.submit(std::move(request), std::move(done)); });
    while (outcomes == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(outcomes, 1);
    EXPECT_EQ(code.value_or(ErrorCode::kResourceExhausted), ErrorCode::kResourceExhausted);
    EXPECT_TRUE(code.has_value() || enough) << number;
  }
  EXPECT_GT(number, 5U);
  queue.close();
  EXPECT_EQ(queue.stats().answered, 1U);
}

TEST_F(AnswerQueueTest, AnswersFromManyThreadsAsAlone) {
  constexpr int kThreads = 6;
  constexpr int kRequests = 20;
  const std::vector<std::string> questions{"Who moved?", "When did it rise?", "Where is the mill?"};
  std::map<std::string, std::string> alone;
  for (const std::string& question : questions) alone[question] = expected(question, test::kTown);
  AnswerQueue queue(model_, nullptr, {.batch_tokens = 128});
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kRequests; ++i) {
        const std::string& question = questions[static_cast<std::size_t>(thread + i) % 3];
        Waiter<QaResult> waiter;
        queue.submit(QaRequest{"", question, {test::kTown}}, waiter.done());
        right += waiter.outcome().value().answers.front().text == alone.at(question) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kThreads * kRequests);
  queue.close();
  const AnswerQueueStats stats = queue.stats();
  EXPECT_EQ(stats.answered, static_cast<std::uint64_t>(kThreads * kRequests));
  EXPECT_EQ(stats.requests, 0U);
  EXPECT_EQ(stats.tokens, 0U);
  EXPECT_GT(stats.joint_tokens, 0U);
}

// What comes while a batch is made ready is the next batch, as one.
TEST_F(AnswerQueueTest, WhatWaitsIsOneBatch) {
  const auto store = std::make_shared<GateStore>(model_->fingerprint());
  AnswerQueue queue(model_, store);
  std::vector<Waiter<QaResult>> waiters(9);
  queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiters[0].done());
  store->wait_until_reached();
  for (std::size_t i = 1; i < waiters.size(); ++i) {
    queue.submit(QaRequest{"", "When did it rise?", {test::kRiver}}, waiters[i].done());
  }
  EXPECT_EQ(queue.stats().requests, waiters.size());
  store->open();
  for (Waiter<QaResult>& waiter : waiters) EXPECT_TRUE(waiter.outcome().ok());
  queue.close();
  EXPECT_EQ(queue.stats().batches, 2U);
}

// Whatever a caller's store throws concerns the requests that need it, not the process.
TEST_F(AnswerQueueTest, AStoreThatThrowsWhatItLikesFailsItsRequestsAlone) {
  std::function<void()> fault;
  const auto store = std::make_shared<OwnStore>(model_->fingerprint(), [&] {
    if (fault) fault();
  });
  AnswerQueue queue(model_, store);
  const auto ask = [&](std::function<void()> thrown) {
    fault = std::move(thrown);
    Waiter<QaResult> waiter;
    queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiter.done());
    const Error* const error = waiter.outcome().error();
    return error == nullptr ? std::string() : std::string(error->what());
  };
  EXPECT_EQ(ask([] { throw std::runtime_error("no connection\nat all"); }),
            "internal error: no connection");
  EXPECT_EQ(ask([] { throw 42; }), "internal error: an exception of a type of its own");
  EXPECT_EQ(ask(nullptr), "");
}

// Both wait together, and so are one batch.
TEST_F(AnswerQueueTest, StatesThatAreNoNumbersFailTheirRequestAlone) {
  const auto store = std::make_shared<SpoiledGateStore>(model_->fingerprint());
  const std::vector<Passage> passages{test::kRiver, test::kTown};
  store->put(encode_passages(*model_, passages));
  AnswerQueue queue(model_, store);
  std::vector<Waiter<QaResult>> waiters(3);
  queue.submit(QaRequest{"first", "Who moved?", {{"river", ""}}}, waiters[0].done());
  store->wait_until_reached();
  queue.submit(QaRequest{"bad", "Who moved?", {{"town", ""}}}, waiters[1].done());
  queue.submit(QaRequest{"good", "When did it rise?", {{"river", ""}}}, waiters[2].done());
  store->open();
  EXPECT_TRUE(waiters[0].outcome().ok());
  EXPECT_EQ(waiters[1].fault(), ErrorCode::kCorrupt);
  EXPECT_EQ(waiters[2].outcome().value().answers.front().text,
            expected("When did it rise?", test::kRiver));
  queue.close();
  EXPECT_EQ(queue.stats().answered, 2U);
  EXPECT_EQ(queue.stats().failed, 1U);
  EXPECT_EQ(queue.stats().tokens, 0U);
}

// It must not. Told once all the same, counted, and nothing to the others.
TEST_F(AnswerQueueTest, ACallbackThatThrowsHoldsNobodyUp) {
  AnswerQueue queue(model_);
  std::atomic<int> calls{0};
  const QaRequest request{"", "Who moved?", {test::kTown}};
  queue.submit(request, [&](Outcome<QaResult>&&) {
    ++calls;
    throw std::runtime_error("enough");
  });
  Waiter<QaResult> good;
  queue.submit(request, good.done());
  EXPECT_TRUE(good.outcome().ok());
  queue.close();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(queue.stats().answered, 2U);
  EXPECT_EQ(queue.stats().requests, 0U);
  EXPECT_EQ(queue.stats().tokens, 0U);
}

TEST_F(AnswerQueueTest, CancelledAndLateRequestsAreNotRead) {
  const auto store = std::make_shared<GateStore>(model_->fingerprint());
  AnswerQueue queue(model_, store);
  std::vector<Waiter<QaResult>> waiters(4);
  queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiters[0].done());
  store->wait_until_reached();
  std::stop_source source;
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  queue.submit(
      {.question = "Who?", .passages = {test::kTown}, .control = {.cancel = source.get_token()}},
      waiters[1].done());
  queue.submit({.question = "Who?", .passages = {test::kTown}, .control = {.deadline = soon}},
               waiters[2].done());
  queue.submit({.question = "Who moved?", .passages = {test::kTown}}, waiters[3].done());
  source.request_stop();
  std::this_thread::sleep_until(soon);
  store->open();
  EXPECT_TRUE(waiters[0].outcome().ok());
  EXPECT_EQ(waiters[1].fault(), ErrorCode::kCancelled);
  EXPECT_EQ(waiters[2].fault(), ErrorCode::kTimedOut);
  EXPECT_TRUE(waiters[3].outcome().ok());
  queue.close();
  EXPECT_EQ(queue.stats().cancelled, 1U);
  EXPECT_EQ(queue.stats().timed_out, 1U);
}

TEST_F(AnswerQueueTest, AFullQueueRefusesAtOnce) {
  const auto store = std::make_shared<GateStore>(model_->fingerprint());
  AnswerQueue queue(model_, store, {.max_waiting_tokens = 40});
  std::vector<Waiter<QaResult>> waiters(3);
  queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiters[0].done());
  store->wait_until_reached();
  queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiters[1].done());
  queue.submit(QaRequest{"third", "Who moved?", {test::kTown}}, waiters[2].done());
  EXPECT_EQ(waiters[2].fault(), ErrorCode::kOverloaded);
  EXPECT_NE(std::string(waiters[2].outcome().error()->what()).find("\"third\": the queue is full"),
            std::string::npos);
  store->open();
  EXPECT_TRUE(waiters[0].outcome().ok());
  EXPECT_TRUE(waiters[1].outcome().ok());
  queue.close();
  EXPECT_EQ(queue.stats().refused, 1U);
}

TEST_F(AnswerQueueTest, WhoAsksAgainAtOnceFindsRoom) {
  Waiter<QaResult> second;
  AnswerQueue queue(model_, nullptr, {.max_waiting_tokens = 1});
  const QaRequest request{"", "Who moved?", {test::kTown}};
  queue.submit(request, [&](Outcome<QaResult>&&) { queue.submit(request, second.done()); });
  EXPECT_TRUE(second.outcome().ok());
  queue.close();
  EXPECT_EQ(queue.stats().refused, 0U);
}

TEST_F(AnswerQueueTest, SaysWhereTheTimeOfARequestWent) {
  const auto store = std::make_shared<GateStore>(model_->fingerprint());
  AnswerQueue queue(model_, store);
  std::vector<Waiter<QaResult>> waiters(2);
  queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiters[0].done());
  store->wait_until_reached();
  queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, waiters[1].done());
  constexpr double kHeld = 0.05;
  std::this_thread::sleep_for(std::chrono::duration<double>(kHeld));
  store->open();
  const RequestTimes first = *waiters[0].outcome().value().times;
  const RequestTimes second = *waiters[1].outcome().value().times;
  // The first was held in the store, the second had to wait for it.
  EXPECT_GE(first.read, kHeld);
  EXPECT_LT(first.wait, kHeld);
  EXPECT_GE(second.wait, kHeld);
  EXPECT_LT(second.read, kHeld);
  for (const RequestTimes& times : {first, second}) {
    EXPECT_GT(times.tokenize, 0);
    EXPECT_GT(times.lower, 0);
    EXPECT_GT(times.upper, 0);
    EXPECT_LE(times.wait + times.tokenize + times.read + times.lower + times.upper, times.total);
  }
}

TEST_F(AnswerQueueTest, AFaultIsItsRequestsOwn) {
  AnswerQueue queue(model_);
  Waiter<QaResult> blank;
  Waiter<QaResult> unknown;
  Waiter<QaResult> options;
  Waiter<QaResult> good;
  queue.submit(QaRequest{"blank", " ", {test::kTown}}, blank.done());
  queue.submit(QaRequest{"unknown", "Who?", {{"none", ""}}}, unknown.done());
  queue.submit(
      {.question = "Who?", .passages = {test::kTown}, .options = AnswerOptions{.top_k = 0}},
      options.done());
  queue.submit(QaRequest{"good", "Who moved?", {test::kTown}}, good.done());
  EXPECT_EQ(blank.fault(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(unknown.fault(), ErrorCode::kNotFound);
  EXPECT_EQ(options.fault(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(good.outcome().value().answers.front().text, expected("Who moved?", test::kTown));
}

TEST_F(AnswerQueueTest, ClosingAnswersWhatIsThereAndRefusesTheRest) {
  AnswerQueue queue(model_, nullptr, {.batch_tokens = 1});
  std::atomic<int> answered{0};
  for (int i = 0; i < 10; ++i) {
    queue.submit(QaRequest{"", "Who moved?", {test::kTown}},
                 [&](Outcome<QaResult>&& outcome) { answered += outcome.ok() ? 1 : 0; });
  }
  queue.close();
  EXPECT_EQ(answered, 10);
  Waiter<QaResult> late;
  queue.submit(QaRequest{"late", "Who moved?", {test::kTown}}, late.done());
  EXPECT_EQ(late.fault(), ErrorCode::kCancelled);
}

TEST_F(AnswerQueueTest, DestroyingItCancelsWhatWaits) {
  const auto store = std::make_shared<GateStore>(model_->fingerprint());
  std::vector<Waiter<QaResult>> waiters(5);
  {
    AnswerQueue queue(model_, store, {.batch_tokens = 1});
    for (Waiter<QaResult>& waiter : waiters) {
      queue.submit(QaRequest{"asked", "Who moved?", {test::kTown}}, waiter.done());
    }
    store->wait_until_reached();
    std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      store->open();
    }).detach();
  }
  int cancelled = 0;
  for (Waiter<QaResult>& waiter : waiters) {
    if (waiter.fault() != ErrorCode::kCancelled) continue;
    ++cancelled;
    EXPECT_NE(std::string(waiter.outcome().error()->what()).find("\"asked\""), std::string::npos);
  }
  EXPECT_GE(cancelled, 3);
}

TEST_F(AnswerQueueTest, ACallbackMayAskAgain) {
  AnswerQueue queue(model_);
  Waiter<QaResult> second;
  queue.submit(QaRequest{"first", "Who moved?", {test::kTown}}, [&](Outcome<QaResult>&&) {
    queue.submit(QaRequest{"second", "When did it rise?", {test::kRiver}}, second.done());
  });
  EXPECT_EQ(second.outcome().value().id, "second");
}

// What a callback holds goes with it, and may come back to the queue then.
TEST_F(AnswerQueueTest, WhatACallbackHoldsMayAskTheQueueWhenItGoes) {
  std::promise<std::size_t> gone;
  AnswerQueue queue(model_);
  struct Asks {
    AnswerQueue& queue;
    std::promise<std::size_t>& gone;
    Asks(AnswerQueue& to, std::promise<std::size_t>& when) : queue(to), gone(when) {}
    Asks(const Asks&) = delete;
    Asks& operator=(const Asks&) = delete;
    ~Asks() { gone.set_value(queue.stats().requests); }
  };
  {
    auto asks = std::make_shared<Asks>(queue, gone);
    queue.submit(QaRequest{"", "Who moved?", {test::kTown}}, [asks](Outcome<QaResult>&&) {});
  }
  EXPECT_LE(gone.get_future().get(), 1U);
}

TEST_F(AnswerQueueTest, ARequestOfAnotherKindIsRefused) {
  AnswerQueue queue(model_);
  Waiter<PairResult> pair;
  Waiter<ChoiceResult> choice;
  queue.submit(PairRequest{"p", "Who?", test::kTown}, pair.done());
  queue.submit(ChoiceRequest{"c", {"a", "b"}, test::kTown}, choice.done());
  EXPECT_EQ(pair.fault(), ErrorCode::kIncompatible);
  EXPECT_EQ(choice.fault(), ErrorCode::kIncompatible);
}

TEST(AnswerQueue, ClassifiesAndChooses) {
  const test::TempDir classes;
  test::write_tiny_model(classes.path(), {.task = "boolq"});
  const auto classifier = Model::load(classes.path());
  const std::vector<PairRequest> pairs{{"p", "is it old", test::kTown}, {"blank", "", {}}};
  const auto expected = PairClassifier(classifier).classify(pairs);
  AnswerQueue pair_queue(classifier);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    Waiter<PairResult> waiter;
    pair_queue.submit(pairs[i], waiter.done());
    EXPECT_EQ(waiter.outcome().value().label, expected[i].label);
  }

  const test::TempDir choices;
  test::write_tiny_model(choices.path(), {.task = "race"});
  const auto chooser = Model::load(choices.path());
  const std::vector<ChoiceRequest> questions{
      {"c", {"who moved", "when", "where is it"}, test::kTown}};
  AnswerQueue choice_queue(chooser);
  Waiter<ChoiceResult> waiter;
  choice_queue.submit(questions[0], waiter.done());
  EXPECT_EQ(waiter.outcome().value().choice, MultipleChoice(chooser).choose(questions)[0].choice);
  Waiter<ChoiceResult> none;
  choice_queue.submit(ChoiceRequest{"none", {}, test::kTown}, none.done());
  EXPECT_EQ(none.fault(), ErrorCode::kInvalidArgument);
}

TEST_F(AnswerQueueTest, RefusesWhatTheAnswerStepRefuses) {
  test::expect_error(ErrorCode::kInvalidArgument, "AnswerQueue: expected a model",
                     [] { const AnswerQueue queue(nullptr); });
  test::expect_error(ErrorCode::kInvalidArgument, "batch_tokens",
                     [&] { const AnswerQueue queue(model_, nullptr, {.batch_tokens = 0}); });
  test::expect_error(ErrorCode::kInvalidArgument, "top_k",
                     [&] { const AnswerQueue queue(model_, nullptr, {.answers = {.top_k = 0}}); });
}

}  // namespace
}  // namespace deformer
