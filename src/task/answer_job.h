// One call of SpanQa::answer: from requests to results, batch by batch.
#pragma once

#include <span>
#include <vector>

#include "deformer/model.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"

namespace deformer {

/// `store` may be null. The model has a span head, the options are valid.
[[nodiscard]] std::vector<QaResult> run_answer_job(const Model& model, const PassageStore* store,
                                                   std::span<const QaRequest> requests,
                                                   const SpanQaOptions& options);

}  // namespace deformer
