// The answer step of models with choices: which of a question's options is right (RACE).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/answering.h"
#include "deformer/export.h"
#include "deformer/passage_store.h"

namespace deformer {

class Model;

/// A question with its options about an article.
struct ChoiceRequest {
  std::string id = {};  ///< the caller's own; not interpreted
  /// What the model reads for each option, at least one: the question with the option in it
  /// (fill_option() in dataset.h is RACE's rule).
  std::vector<std::string> choices = {};
  Passage passage = {};  ///< the article; see PairRequest::passage
  RequestControl control = {};
};

struct ChoiceResult {
  std::string id;                          ///< of the request
  int choice = 0;                          ///< the most probable option, from 0
  std::vector<double> probabilities;       ///< softmax over the options
  std::vector<double> logits;              ///< by option
  PairCuts cut;                            ///< `question`: one of the choices was cut
  std::optional<RequestTimes> times = {};  ///< from an AnswerQueue alone
};

/// As QaSink.
using ChoiceSink = std::function<void(std::size_t request, Outcome<ChoiceResult>&& outcome)>;

/// Chooses for a model of kChoice. The article's lower states are computed once for all options of
/// all its questions, or taken from the store. Immutable, safe for concurrent calls.
class DEFORMER_EXPORT MultipleChoice {
 public:
  /// As PairClassifier's: kIncompatible for a model of another kind, or whose weights have no head
  /// that rates a choice with one number.
  explicit MultipleChoice(std::shared_ptr<const Model> model,
                          std::shared_ptr<const PassageStore> store = nullptr);

  /// One result per request, in order; independent of how requests are grouped. Throws the first
  /// error that a request meets: kInvalidArgument naming one without choices, kNotFound naming a
  /// passage that has neither text nor record, kCorrupt, kCancelled, kTimedOut.
  [[nodiscard]] std::vector<ChoiceResult> choose(std::span<const ChoiceRequest> requests,
                                                 const BatchOptions& batches = {}) const;

  /// The same, each request by itself, as SpanQa::answer_each().
  StageTimes choose_each(std::span<const ChoiceRequest> requests, const ChoiceSink& sink,
                         const BatchOptions& batches = {}) const;

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const PassageStore> store_;
};

}  // namespace deformer
