// What PairClassifier and MultipleChoice share: logits of pairs, batch by batch.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "deformer/model.h"
#include "deformer/pair_classifier.h"
#include "deformer/passage_store.h"

namespace deformer {

/// A question on a passage. A view: the request must outlive it.
struct PairInput {
  std::string_view question;
  const Passage* passage = nullptr;
};

struct PairOutput {
  std::vector<double> logits;  ///< by output of the model's pooled head
  PairCuts cut;
};

/// One output per input, in order. The model has a pooled head; `store` may be null. Of `options`
/// progress counts inputs. Throws kInvalidArgument for batch_tokens 0, kNotFound, kCorrupt as
/// PairClassifier::classify().
[[nodiscard]] std::vector<PairOutput> run_pair_job(const Model& model, const PassageStore* store,
                                                   std::span<const PairInput> inputs,
                                                   const ClassifyOptions& options);

/// Throws kIncompatible unless the weights have a pooled head with `outputs` outputs.
void require_pooled_head(const Model& model, std::int64_t outputs);

/// exp(logit) over their sum.
[[nodiscard]] std::vector<double> softmax(std::span<const double> logits);

}  // namespace deformer
