#include "deformer/multiple_choice.h"
#include "deformer/model.h"

#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"
#include "task/batch_run.h"
#include "task/passage_batches.h"
#include "task/pooled_reading.h"

namespace deformer {

MultipleChoice::MultipleChoice(std::shared_ptr<const Model> model,
                               std::shared_ptr<const PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_) {
    throw Error(ErrorCode::kInvalidArgument, "MultipleChoice: expected a model, found null");
  }
  const TaskKind task = model_->config().task;
  if (task != TaskKind::kChoice) {
    throw Error(ErrorCode::kIncompatible, model_->name() +
                                              ": expected a model for choice, found one for " +
                                              to_string(task) + " (config.json: deformer.task)");
  }
  require_pooled_head(*model_, 1);
  if (store_) require_fingerprint(*model_, *store_);
}

std::vector<ChoiceResult> MultipleChoice::choose(std::span<const ChoiceRequest> requests,
                                                 const BatchOptions& batches) const {
  return collect_results<ChoiceResult>(
      requests.size(), [&](const ChoiceSink& sink) { choose_each(requests, sink, batches); });
}

StageTimes MultipleChoice::choose_each(std::span<const ChoiceRequest> requests,
                                       const ChoiceSink& sink, const BatchOptions& batches) const {
  return guarded_with_callbacks([&] {
    const auto make = [&](std::size_t i) {
      return make_choice_reading(*model_, requests[i], request_name(requests[i].id, i),
                                 sink_for(sink, i));
    };
    return run_batches(
        {.model = *model_, .store = store_.get(), .blank_texts = true, .requests = requests.size()},
        batches, make, [&](std::size_t i, const Error& error) { sink_for(sink, i)(error); });
  });
}

}  // namespace deformer
