// The answer step for requests that come one by one from many threads, as in a service.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "deformer/answering.h"
#include "deformer/export.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"

namespace deformer {

class Model;

struct AnswerQueueOptions {
  std::size_t batch_tokens = 4096;  ///< as BatchOptions::batch_tokens
  /// Most tokens that wait or are being read; a request beyond them is refused with
  /// kOverloaded. Counted are a request's question texts, each with each of its passages: a
  /// text as a quarter of its bytes, a passage without one as a window. An empty queue takes a
  /// request of any size. 0 = no limit.
  std::size_t max_waiting_tokens = 0;
  AnswerOptions answers = {};  ///< of span requests that have none of their own
};

/// What a queue has done since it was made, and what it holds now.
struct AnswerQueueStats {
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;     ///< with another error than the next three
  std::uint64_t refused = 0;    ///< the queue was full or closed, or the request of another kind
  std::uint64_t cancelled = 0;  ///< RequestControl::cancel
  std::uint64_t timed_out = 0;  ///< RequestControl::deadline
  std::uint64_t batches = 0;
  std::uint64_t joint_tokens = 0;  ///< of all batches
  std::size_t requests = 0;        ///< waiting or being read
  std::size_t tokens = 0;          ///< theirs, as max_waiting_tokens counts
  StageTimes times;                ///< of the queue's thread; its callers tokenise questions
};

/// Answers requests in shared batches on a thread of its own. What waits when a batch ends is the
/// next batch, up to batch_tokens; a request that finds the queue idle waits for nothing. Requests
/// about one passage that wait together share its states. A request that cannot be answered leaves
/// the others alone.
///
/// submit() and stats() are safe for concurrent calls. `done` is called once, with the outcome,
/// from the queue's thread; when the request is refused, or found faulty before it waits, from the
/// calling thread, before submit() returns. It must not throw, and should be short: meanwhile
/// nothing is computed. It may call submit().
class DEFORMER_EXPORT AnswerQueue {
 public:
  /// `store` may be null. Throws as SpanQa, PairClassifier or MultipleChoice, whichever the model
  /// is for; kInvalidArgument for options out of range.
  explicit AnswerQueue(std::shared_ptr<const Model> model,
                       std::shared_ptr<const PassageStore> store = nullptr,
                       const AnswerQueueOptions& options = {});
  /// Lets the batch under way end; what is left ends as kCancelled.
  ~AnswerQueue();
  AnswerQueue(const AnswerQueue&) = delete;
  AnswerQueue& operator=(const AnswerQueue&) = delete;

  // A request of another kind than the model's ends as kIncompatible.
  void submit(QaRequest request, std::function<void(Outcome<QaResult>&&)> done);
  void submit(PairRequest request, std::function<void(Outcome<PairResult>&&)> done);
  void submit(ChoiceRequest request, std::function<void(Outcome<ChoiceResult>&&)> done);

  /// Refuses what comes from now on with kCancelled, and returns when all else has its outcome. Not
  /// to be called from `done`.
  void close();

  [[nodiscard]] AnswerQueueStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deformer
