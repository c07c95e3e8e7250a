#include "deformer/answer_queue.h"
#include "deformer/model.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/stopwatch.h"
#include "deformer/error.h"
#include "nn/guard.h"
#include "task/attempt.h"
#include "task/pooled_reading.h"
#include "task/preparation.h"
#include "task/reading_engine.h"
#include "task/span_reading.h"

namespace deformer {
namespace {

// The answer step's own checks.
void require_model(const std::shared_ptr<const Model>& model,
                   const std::shared_ptr<const PassageStore>& store) {
  if (!model) {
    throw Error(ErrorCode::kInvalidArgument, "AnswerQueue: expected a model, found null");
  }
  switch (model->config().task) {
    case TaskKind::kSpan:
      static_cast<void>(SpanQa(model, store));
      break;
    case TaskKind::kClasses:
      static_cast<void>(PairClassifier(model, store));
      break;
    case TaskKind::kChoice:
      static_cast<void>(MultipleChoice(model, store));
      break;
  }
}

// A request with the reading that refers to it.
template <typename Request>
struct OwnedReading {
  Request request;
  std::unique_ptr<Reading> reading;
};

// When a request came, and what the queue's thread had done when it took the request up.
struct Arrival {
  Stopwatch since;
  double tokenized = 0;
  double taken = 0;
  StageTimes before = {};

  [[nodiscard]] RequestTimes until(const StageTimes& now) const {
    return {.wait = taken - tokenized,
            .tokenize = tokenized + now.tokenize - before.tokenize,
            .read = now.read - before.read,
            .lower = now.lower - before.lower,
            .upper = now.upper - before.upper,
            .total = since.seconds()};
  }
};

template <typename Result>
void add_times(Outcome<Result>& outcome, const RequestTimes& times) {
  Result result = std::move(outcome).value();
  result.times = times;
  outcome = Outcome<Result>(std::move(result));
}

std::string name_of(const std::string& id) {
  return id.empty() ? "request" : "\"" + id + "\"";
}

Error closed_error(const std::string& name) {
  return {ErrorCode::kCancelled, name + ": the queue was closed"};
}

}  // namespace

struct AnswerQueue::State {
  struct Waiting {
    std::shared_ptr<Reading> reading;
    std::vector<PreparedQuestion> questions;
    std::shared_ptr<Arrival> arrival;
  };

  State(std::shared_ptr<const Model> of, std::shared_ptr<const PassageStore> from,
        const AnswerQueueOptions& with)
      : model(std::move(of)),
        store(std::move(from)),
        options(with),
        kind(model->config().task),
        engine(*model, store.get(),
               {.batch_tokens = options.batch_tokens, .blank_texts = kind != TaskKind::kSpan}) {}

  struct RequestTexts {
    std::span<const std::string> questions;
    std::span<const Passage> passages;
  };

  // Tokens that the request is counted as.
  [[nodiscard]] std::size_t tokens_of(const RequestTexts& request) const {
    std::size_t texts = 0;
    for (const std::string& question : request.questions) {
      texts += question.size() / kBytesPerToken + 1;
    }
    std::size_t read = 0;
    for (const Passage& passage : request.passages) {
      read += passage.text.empty() ? static_cast<std::size_t>(model->config().split.window_tokens)
                                   : passage.text.size() / kBytesPerToken + 1;
    }
    return texts * request.passages.size() + request.questions.size() * read;
  }

  // Why the request is not taken; else it counts from now on.
  [[nodiscard]] std::optional<Error> refusal(const std::string& name, std::size_t tokens,
                                             TaskKind asked) {
    const std::scoped_lock lock(mutex);
    std::optional<Error> error;
    if (asked != kind) {
      error = Error(ErrorCode::kIncompatible, name + ": expected a request for a model of " +
                                                  to_string(model->config().task) +
                                                  ", found one of another kind");
    } else if (closed) {
      error = closed_error(name);
    } else if (options.max_waiting_tokens > 0 && stats.tokens > 0 &&
               stats.tokens + tokens > options.max_waiting_tokens) {
      error = Error(ErrorCode::kOverloaded, name + ": the queue is full: expected at most " +
                                                std::to_string(options.max_waiting_tokens) +
                                                " tokens, found " +
                                                std::to_string(stats.tokens + tokens));
    }
    if (error) {
      ++stats.refused;
    } else {
      ++stats.requests;
      stats.tokens += tokens;
    }
    return error;
  }

  // Before its outcome is told: who asks again at once finds the room that it had.
  void release(std::size_t tokens) {
    const std::scoped_lock lock(mutex);
    stats.tokens -= tokens;
  }

  void count_outcome(std::optional<ErrorCode> fault) {
    const std::scoped_lock lock(mutex);
    --stats.requests;
    if (!fault) {
      ++stats.answered;
    } else if (*fault == ErrorCode::kCancelled) {
      ++stats.cancelled;
    } else if (*fault == ErrorCode::kTimedOut) {
      ++stats.timed_out;
    } else {
      ++stats.failed;
    }
    idle.notify_all();
  }

  // Hands the outcome to `done`, with its times, and counts it.
  template <typename Result>
  std::function<void(Outcome<Result>&&)> counting(std::function<void(Outcome<Result>&&)> done,
                                                  std::size_t tokens,
                                                  std::shared_ptr<const Arrival> arrival) {
    return [this, tokens, done = std::move(done),
            arrival = std::move(arrival)](Outcome<Result>&& outcome) {
      std::optional<ErrorCode> fault;
      if (outcome.error() != nullptr) fault = outcome.error()->code();
      // A result comes from the queue's thread; an error may come from the caller's.
      if (outcome.ok()) add_times(outcome, arrival->until(engine.times()));
      release(tokens);
      // It must not throw. Where it does, it is not told a second time, and close() ends.
      try {
        done(std::move(outcome));
      } catch (...) {
      }
      count_outcome(fault);
    };
  }

  // `make` gives the reading of the request that it is shown, whose outcome goes to `done`.
  template <typename Request, typename Result, typename Make>
  void submit(Request&& request, const RequestTexts& texts, TaskKind asked,
              std::function<void(Outcome<Result>&&)> done, const Make& make) {
    std::string name;
    std::shared_ptr<Arrival> arrival;
    std::function<void(Outcome<Result> &&)> counted;
    std::optional<Error> refused;
    // What memory may be short for comes before the request is counted.
    const auto early = attempt([&] {
      const std::size_t tokens = tokens_of(texts);
      name = name_of(request.id);
      arrival = std::make_shared<Arrival>();
      counted = counting(done, tokens, arrival);
      refused = refusal(name, tokens, asked);
    });
    if (early || refused) return done(early ? *early : *refused);
    const auto error = attempt([&] {
      const auto owned = std::make_shared<OwnedReading<Request>>();
      owned->request = std::forward<Request>(request);
      owned->reading = make(owned->request, name, counted);
      const std::shared_ptr<Reading> reading(owned, owned->reading.get());
      std::vector<PreparedQuestion> prepared = engine.prepare(*reading);
      arrival->tokenized = arrival->since.seconds();
      const std::scoped_lock lock(mutex);
      waiting.push_back({reading, std::move(prepared), arrival});
      wake.notify_one();
    });
    if (error) counted(*error);
  }

  void take_up(Waiting&& each) {
    each.arrival->taken = each.arrival->since.seconds();
    each.arrival->before = engine.times();
    const auto error = attempt([&] { engine.add(each.reading, std::move(each.questions)); });
    if (!error) return;
    // No memory: the engine may know a part of it.
    engine.abandon([&](const Reading&) { return *error; });
    each.reading->fail(*error);
  }

  // The queue's thread.
  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [&] { return stopping || !waiting.empty() || engine.under_way() > 0; });
      if (stopping) break;
      std::vector<Waiting> arrived = std::exchange(waiting, {});
      running = true;
      lock.unlock();
      for (Waiting& each : arrived) take_up(std::move(each));
      // What concerns single readings ends them; this is for what nobody foresaw.
      const auto error = attempt([&] { engine.run_batch(); });
      if (error) engine.abandon([&](const Reading&) { return *error; });
      // What callbacks hold may come here when it goes.
      arrived.clear();
      lock.lock();
      stats.batches = engine.batches();
      stats.joint_tokens = engine.joint_tokens();
      stats.times = engine.times();
      running = false;
      idle.notify_all();
    }
    const std::vector<Waiting> left = std::exchange(waiting, {});
    lock.unlock();
    for (const Waiting& each : left) each.reading->fail(closed_error(each.reading->name()));
    engine.abandon([](const Reading& reading) { return closed_error(reading.name()); });
  }

  std::shared_ptr<const Model> model;
  std::shared_ptr<const PassageStore> store;
  AnswerQueueOptions options;
  TaskKind kind;
  ReadingEngine engine;  // of the queue's thread; prepare() of all

  mutable std::mutex mutex;
  std::condition_variable wake;  // the queue's thread
  std::condition_variable idle;  // whoever closes
  std::vector<Waiting> waiting;
  AnswerQueueStats stats;
  bool closed = false;
  bool stopping = false;
  bool running = false;  // the engine computes, and its numbers are not in `stats` yet
  std::thread thread;
};

AnswerQueue::AnswerQueue(std::shared_ptr<const Model> model,
                         std::shared_ptr<const PassageStore> store,
                         const AnswerQueueOptions& options)
    : state_(nn::guarded([&] {
        require_model(model, store);
        validate(options.answers, *model);
        if (options.batch_tokens < 1) {
          throw Error(ErrorCode::kInvalidArgument, "batch_tokens: expected at least 1, found 0");
        }
        auto state = std::make_unique<State>(std::move(model), std::move(store), options);
        state->thread = std::thread([&queue = *state] { queue.work(); });
        return state;
      })) {}

AnswerQueue::~AnswerQueue() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->closed = state_->stopping = true;
    state_->wake.notify_one();
  }
  state_->thread.join();
}

void AnswerQueue::submit(QaRequest request, std::function<void(Outcome<QaResult>&&)> done) {
  State& state = *state_;
  const auto make = [&state](const QaRequest& owned, const std::string& name,
                             SpanReading::Done counted) {
    if (owned.options) validate(*owned.options, *state.model);
    return std::make_unique<SpanReading>(*state.model, owned,
                                         owned.options ? *owned.options : state.options.answers,
                                         name, std::move(counted));
  };
  const State::RequestTexts texts{{&request.question, 1}, request.passages};
  state.submit<QaRequest, QaResult>(std::move(request), texts, TaskKind::kSpan, std::move(done),
                                    make);
}

void AnswerQueue::submit(PairRequest request, std::function<void(Outcome<PairResult>&&)> done) {
  State& state = *state_;
  const auto make = [&state](const PairRequest& owned, const std::string& name,
                             std::function<void(Outcome<PairResult> &&)> counted) {
    return make_pair_reading(*state.model, owned, name, std::move(counted));
  };
  const State::RequestTexts texts{{&request.question, 1}, {&request.passage, 1}};
  state.submit<PairRequest, PairResult>(std::move(request), texts, TaskKind::kClasses,
                                        std::move(done), make);
}

void AnswerQueue::submit(ChoiceRequest request, std::function<void(Outcome<ChoiceResult>&&)> done) {
  State& state = *state_;
  const auto make = [&state](const ChoiceRequest& owned, const std::string& name,
                             std::function<void(Outcome<ChoiceResult> &&)> counted) {
    return make_choice_reading(*state.model, owned, name, std::move(counted));
  };
  const State::RequestTexts texts{request.choices, {&request.passage, 1}};
  state.submit<ChoiceRequest, ChoiceResult>(std::move(request), texts, TaskKind::kChoice,
                                            std::move(done), make);
}

void AnswerQueue::close() {
  std::unique_lock lock(state_->mutex);
  state_->closed = true;
  state_->idle.wait(lock, [&] { return state_->stats.requests == 0 && !state_->running; });
}

AnswerQueueStats AnswerQueue::stats() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->stats;
}

}  // namespace deformer
