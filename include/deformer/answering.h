// What the answer steps share: how a call runs, and what becomes of each request.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>

#include "deformer/error.h"
#include "deformer/types.h"

namespace deformer {

/// How the requests of a call go through the layers.
struct BatchOptions {
  std::size_t batch_tokens = 4096;  ///< most joint tokens of one pass; a single pair may exceed it
  ProgressCallback progress = nullptr;  ///< counts requests
};

/// Lets go of a request that nobody waits for any more. Both are looked at before each batch; what
/// a batch under way has of the request is computed to its end and thrown away.
struct RequestControl {
  std::stop_token cancel = {};  ///< a requested stop ends the request as kCancelled
  /// A request without its result by then ends as kTimedOut.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

/// What became of one request: its result, or its own error.
template <typename Result>
class Outcome {
 public:
  Outcome(Result result) : state_(std::move(result)) {}  // NOLINT(google-explicit-constructor)
  Outcome(Error error) : state_(std::move(error)) {}     // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return std::holds_alternative<Result>(state_); }
  /// Null when there is a result.
  [[nodiscard]] const Error* error() const noexcept { return std::get_if<Error>(&state_); }
  /// Throws the error when there is no result.
  [[nodiscard]] const Result& value() const& {
    if (const Error* const fault = error()) throw *fault;
    return std::get<Result>(state_);
  }
  [[nodiscard]] Result&& value() && {
    if (const Error* const fault = error()) throw *fault;
    return std::get<Result>(std::move(state_));
  }

 private:
  std::variant<Result, Error> state_;
};

/// What of a request's texts was not read.
struct PairCuts {
  bool question = false;  ///< longer than max_question_tokens
  bool passage = false;   ///< longer than window_tokens: one window is read
};

/// Where the time of a call went: wall time of the computing thread by stage, in seconds. A GPU
/// computes while the thread goes on: what is left to wait for counts as `upper`.
struct StageTimes {
  double tokenize = 0;  ///< questions, and passages that are not in the store
  double read = 0;      ///< store reads and their decoding
  double lower = 0;     ///< lower layers: questions, and passages that are not in the store
  double upper = 0;     ///< upper layers and head
  double decode = 0;    ///< logits to answers

  StageTimes& operator+=(const StageTimes& other) noexcept {
    tokenize += other.tokenize;
    read += other.read;
    lower += other.lower;
    upper += other.upper;
    decode += other.decode;
    return *this;
  }
};

/// Where the time of one request of an AnswerQueue went, in seconds. The stages are those of the
/// queue's thread from when it took the request up to the result: the batches that had a part of
/// it, with whatever else was in them. So they are the request's own where nothing else is asked.
struct RequestTimes {
  double wait = 0;      ///< for the batch under way when the request came
  double tokenize = 0;  ///< the question, by the caller; passages that are not in the store
  double read = 0;
  double lower = 0;
  double upper = 0;
  double total = 0;  ///< from submit() to the result; what it has beyond the others is decoding
};

}  // namespace deformer
