#include "deformer/span_qa.h"
#include "deformer/model.h"

#include <string>
#include <utility>

#include "deformer/error.h"
#include "model/head.h"
#include "model/model_access.h"
#include "nn/guard.h"
#include "task/batch_run.h"
#include "task/passage_batches.h"
#include "task/span_reading.h"

namespace deformer {

SpanQa::SpanQa(std::shared_ptr<const Model> model, std::shared_ptr<const PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_) {
    throw Error(ErrorCode::kInvalidArgument, "SpanQa: expected a model, found null");
  }
  if (model_->config().task != TaskKind::kSpan) {
    throw Error(ErrorCode::kIncompatible,
                model_->name() + ": expected a model for span questions, found one for " +
                    to_string(model_->config().task));
  }
  const Head* const head = ModelAccess::head(*model_);
  if (head == nullptr || head->rows() != JointRows::kPassageAndCls) {
    throw Error(ErrorCode::kIncompatible,
                model_->name() + ": expected a span head (qa_outputs), found weights without one");
  }
  if (store_) require_fingerprint(*model_, *store_);
}

std::vector<QaResult> SpanQa::answer(std::span<const QaRequest> requests,
                                     const AnswerOptions& options,
                                     const BatchOptions& batches) const {
  return collect_results<QaResult>(
      requests.size(), [&](const QaSink& sink) { answer_each(requests, sink, options, batches); });
}

StageTimes SpanQa::answer_each(std::span<const QaRequest> requests, const QaSink& sink,
                               const AnswerOptions& options, const BatchOptions& batches) const {
  return guarded_with_callbacks([&] {
    validate(options, *model_);
    const auto make = [&](std::size_t i) {
      const QaRequest& request = requests[i];
      if (request.options) validate(*request.options, *model_);
      return std::make_shared<SpanReading>(*model_, request,
                                           request.options ? *request.options : options,
                                           request_name(request.id, i), sink_for(sink, i));
    };
    return run_batches({.model = *model_, .store = store_.get(), .requests = requests.size()},
                       batches, make,
                       [&](std::size_t i, const Error& error) { sink_for(sink, i)(error); });
  });
}

}  // namespace deformer
