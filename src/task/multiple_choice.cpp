#include "deformer/multiple_choice.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"
#include "task/pair_job.h"
#include "task/passage_batches.h"

namespace deformer {
namespace {

std::vector<PairInput> make_inputs(std::span<const ChoiceRequest> requests) {
  std::vector<PairInput> inputs;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ChoiceRequest& request = requests[i];
    if (request.choices.empty()) {
      const std::string name =
          request.id.empty() ? "request " + std::to_string(i) : "\"" + request.id + "\"";
      throw Error(ErrorCode::kInvalidArgument,
                  name + ": choices: expected at least one, found none");
    }
    for (const std::string& choice : request.choices) inputs.push_back({choice, &request.passage});
  }
  return inputs;
}

// Progress counts requests where the job counts pairs.
ClassifyOptions pair_options(const ClassifyOptions& options, std::size_t requests) {
  ClassifyOptions pairs = options;
  if (options.progress) {
    pairs.progress = [&options, requests](std::size_t done, std::size_t total) {
      options.progress(done * requests / total, requests);
    };
  }
  return pairs;
}

ChoiceResult make_result(const ChoiceRequest& request, std::span<const PairOutput> outputs) {
  ChoiceResult result;
  result.id = request.id;
  for (const PairOutput& output : outputs) {
    result.logits.push_back(output.logits.front());
    result.cut.question = result.cut.question || output.cut.question;
    result.cut.passage = output.cut.passage;
  }
  result.probabilities = softmax(result.logits);
  const auto best = std::max_element(result.logits.begin(), result.logits.end());
  result.choice = static_cast<int>(best - result.logits.begin());
  return result;
}

}  // namespace

MultipleChoice::MultipleChoice(std::shared_ptr<const Model> model,
                               std::shared_ptr<const PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_) {
    throw Error(ErrorCode::kInvalidArgument, "MultipleChoice: expected a model, found null");
  }
  const TaskKind task = model_->config().task;
  if (task != TaskKind::kChoice) {
    throw Error(ErrorCode::kIncompatible, "model: expected one for choice, found one for " +
                                              to_string(task) + " (config.json: deformer.task)");
  }
  require_pooled_head(*model_, 1);
  if (store_) require_fingerprint(*model_, *store_);
}

std::vector<ChoiceResult> MultipleChoice::choose(std::span<const ChoiceRequest> requests,
                                                 const ClassifyOptions& options) const {
  return nn::guarded([&] {
    const c10::InferenceMode inference;
    const std::vector<PairInput> inputs = make_inputs(requests);
    const std::vector<PairOutput> outputs =
        run_pair_job(*model_, store_.get(), inputs, pair_options(options, requests.size()));
    std::vector<ChoiceResult> results;
    results.reserve(requests.size());
    std::span<const PairOutput> rest = outputs;
    for (const ChoiceRequest& request : requests) {
      results.push_back(make_result(request, rest.first(request.choices.size())));
      rest = rest.subspan(request.choices.size());
    }
    return results;
  });
}

}  // namespace deformer
