#include "deformer/pair_classifier.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"
#include "task/pair_job.h"
#include "task/passage_batches.h"

namespace deformer {
PairClassifier::PairClassifier(std::shared_ptr<const Model> model,
                               std::shared_ptr<const PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_) {
    throw Error(ErrorCode::kInvalidArgument, "PairClassifier: expected a model, found null");
  }
  const ModelConfig& config = model_->config();
  if (config.labels.empty()) {
    throw Error(ErrorCode::kIncompatible, "model: expected one for classes, found one for " +
                                              to_string(config.task) +
                                              " (config.json: deformer.task)");
  }
  require_pooled_head(*model_, std::ssize(config.labels));
  if (store_) require_fingerprint(*model_, *store_);
}

std::vector<PairResult> PairClassifier::classify(std::span<const PairRequest> requests,
                                                 const ClassifyOptions& options) const {
  return nn::guarded([&] {
    const c10::InferenceMode inference;
    std::vector<PairInput> inputs;
    inputs.reserve(requests.size());
    for (const PairRequest& request : requests)
      inputs.push_back({request.question, &request.passage});
    const std::vector<PairOutput> outputs = run_pair_job(*model_, store_.get(), inputs, options);
    std::vector<PairResult> results(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      PairResult& result = results[i];
      result.id = requests[i].id;
      result.cut = outputs[i].cut;
      result.logits.assign(outputs[i].logits.begin(), outputs[i].logits.end());
      result.probabilities = softmax(result.logits);
      const auto best = std::max_element(result.logits.begin(), result.logits.end());
      result.label = static_cast<int>(best - result.logits.begin());
    }
    return results;
  });
}

const std::vector<std::string>& PairClassifier::labels() const noexcept {
  return model_->config().labels;
}

}  // namespace deformer
