#include "deformer/pair_classifier.h"
#include "deformer/model.h"

#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"
#include "task/batch_run.h"
#include "task/passage_batches.h"
#include "task/pooled_reading.h"

namespace deformer {

PairClassifier::PairClassifier(std::shared_ptr<const Model> model,
                               std::shared_ptr<const PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_) {
    throw Error(ErrorCode::kInvalidArgument, "PairClassifier: expected a model, found null");
  }
  const ModelConfig& config = model_->config();
  if (config.labels.empty()) {
    throw Error(ErrorCode::kIncompatible,
                model_->name() + ": expected a model for classes, found one for " +
                    to_string(config.task) + " (config.json: deformer.task)");
  }
  require_pooled_head(*model_, std::ssize(config.labels));
  if (store_) require_fingerprint(*model_, *store_);
}

std::vector<PairResult> PairClassifier::classify(std::span<const PairRequest> requests,
                                                 const BatchOptions& batches) const {
  return collect_results<PairResult>(
      requests.size(), [&](const PairSink& sink) { classify_each(requests, sink, batches); });
}

StageTimes PairClassifier::classify_each(std::span<const PairRequest> requests,
                                         const PairSink& sink, const BatchOptions& batches) const {
  return guarded_with_callbacks([&] {
    const auto make = [&](std::size_t i) {
      return make_pair_reading(*model_, requests[i], request_name(requests[i].id, i),
                               sink_for(sink, i));
    };
    return run_batches(
        {.model = *model_, .store = store_.get(), .blank_texts = true, .requests = requests.size()},
        batches, make, [&](std::size_t i, const Error& error) { sink_for(sink, i)(error); });
  });
}

const std::vector<std::string>& PairClassifier::labels() const noexcept {
  return model_->config().labels;
}

}  // namespace deformer
