#include "deformer/span_qa.h"

#include <c10/core/InferenceMode.h>

#include <string>
#include <utility>

#include "deformer/error.h"
#include "nn/guard.h"
#include "task/answer_job.h"
#include "task/passage_batches.h"

namespace deformer {
namespace {

void validate_options(const SpanQaOptions& options) {
  if (options.top_k < 1 || options.top_k > kMaxTopK) {
    throw Error(ErrorCode::kInvalidArgument, "top_k: expected 1 to " + std::to_string(kMaxTopK) +
                                                 ", found " + std::to_string(options.top_k));
  }
  if (options.batch_tokens < 1) {
    throw Error(ErrorCode::kInvalidArgument, "batch_tokens: expected at least 1, found 0");
  }
  if (options.max_answer_tokens < 0) {
    throw Error(ErrorCode::kInvalidArgument, "max_answer_tokens: expected 0 or more, found " +
                                                 std::to_string(options.max_answer_tokens));
  }
}

}  // namespace

SpanQa::SpanQa(std::shared_ptr<const Model> model, std::shared_ptr<const PassageStore> store)
    : model_(std::move(model)), store_(std::move(store)) {
  if (!model_) {
    throw Error(ErrorCode::kInvalidArgument, "SpanQa: expected a model, found null");
  }
  if (model_->config().task != TaskKind::kSpan) {
    throw Error(ErrorCode::kIncompatible, "model: expected one for span questions, found one for " +
                                              to_string(model_->config().task));
  }
  if (model_->span_head() == nullptr) {
    throw Error(ErrorCode::kIncompatible,
                "model: expected a span head (qa_outputs), found weights without one");
  }
  if (store_) require_fingerprint(*model_, *store_);
}

std::vector<QaResult> SpanQa::answer(std::span<const QaRequest> requests,
                                     const SpanQaOptions& options) const {
  return nn::guarded([&] {
    validate_options(options);
    const c10::InferenceMode inference;
    return run_answer_job(*model_, store_.get(), requests, options);
  });
}

}  // namespace deformer
