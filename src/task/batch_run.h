// One call of an answer step: all its requests through one engine.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deformer/answering.h"
#include "deformer/model.h"
#include "deformer/passage_store.h"
#include "nn/guard.h"
#include "task/callback.h"
#include "task/reading.h"

namespace deformer {

/// Makes the reading of a request; what it throws becomes that request's error.
using MakeReading = std::function<std::shared_ptr<Reading>(std::size_t request)>;
using FailRequest = std::function<void(std::size_t request, const Error& error)>;

struct BatchRun {
  const Model& model;         ///< has a head
  const PassageStore* store;  ///< may be null
  bool blank_texts = false;   ///< ReadingOptions::blank_texts
  std::size_t requests = 0;
};

/// Admits requests in order, as many as fit, until all are over. Throws kInvalidArgument for
/// batch_tokens 0, and what the callbacks throw, as call_back() does. Calls options.progress so.
StageTimes run_batches(const BatchRun& run, const BatchOptions& options, const MakeReading& make,
                       const FailRequest& fail);

/// A request's name in messages: its id in quotation marks, else "request N".
[[nodiscard]] std::string request_name(const std::string& id, std::size_t request);

/// The results of `run`, which hands outcomes to the sink that it is given; throws the first error.
template <typename Result, typename Run>
std::vector<Result> collect_results(std::size_t requests, const Run& run) {
  return nn::guarded([&] {
    std::vector<Result> results(requests);
    run([&](std::size_t request, Outcome<Result>&& outcome) {
      results[request] = std::move(outcome).value();
    });
    return results;
  });
}

/// The part of a call's sink that takes the outcome of one request, by call_back(). `sink` must
/// outlive it.
template <typename Sink>
auto sink_for(const Sink& sink, std::size_t request) {
  return [&sink, request](auto&& outcome) {
    call_back(sink, request, std::forward<decltype(outcome)>(outcome));
  };
}

}  // namespace deformer
