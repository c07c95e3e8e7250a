// The answer step of models with classes: the class of a question and a passage.
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

/// Two texts whose relation is asked for. What is question and what is passage is the data set's to
/// say (parse_task()), or the user's.
struct PairRequest {
  std::string id = {};        ///< the caller's own; not interpreted
  std::string question = {};  ///< may be empty
  /// With a text: taken from the store when that holds the same text under the id, else encoded on
  /// the fly (and not stored). With an id alone: taken from the store. With neither: a blank text.
  Passage passage = {};
  RequestControl control = {};
};

struct PairResult {
  std::string id;                     ///< of the request
  int label = 0;                      ///< the most probable class, by labels()
  std::vector<double> probabilities;  ///< softmax over the classes, by labels()
  std::vector<double> logits;         ///< in the same order
  PairCuts cut;
  std::optional<RequestTimes> times = {};  ///< from an AnswerQueue alone
};

/// As QaSink.
using PairSink = std::function<void(std::size_t request, Outcome<PairResult>&& outcome)>;

/// Classifies pairs for a model of kClasses. Immutable, safe for concurrent calls.
///
///   const PairClassifier classifier(model, store);
///   const auto results = classifier.classify(requests);
///   classifier.labels()[results[0].label]
class DEFORMER_EXPORT PairClassifier {
 public:
  /// `store` may be null: then no passage may come with an id alone. Throws kIncompatible when the
  /// model has no classes, when its weights have no head for them or one for another number,
  /// or when the store belongs to another fingerprint.
  explicit PairClassifier(std::shared_ptr<const Model> model,
                          std::shared_ptr<const PassageStore> store = nullptr);

  /// One result per request, in order; independent of how requests are grouped. Requests on the
  /// same passage share its states. Throws the first error that a request meets: kNotFound naming a
  /// passage that has neither text nor record, kCorrupt, kCancelled, kTimedOut.
  [[nodiscard]] std::vector<PairResult> classify(std::span<const PairRequest> requests,
                                                 const BatchOptions& batches = {}) const;

  /// The same, each request by itself, as SpanQa::answer_each().
  StageTimes classify_each(std::span<const PairRequest> requests, const PairSink& sink,
                           const BatchOptions& batches = {}) const;

  /// Names of the classes by number: the model's, in the order of its head's outputs.
  [[nodiscard]] const std::vector<std::string>& labels() const noexcept;

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const PassageStore> store_;
};

}  // namespace deformer
