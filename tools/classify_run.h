// Classifying a whole data set, with classes or with choices, as one list of predictions.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/known_datasets.h"
#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "tools/model_options.h"
#include "tools/reading.h"

namespace deformer::tools {

struct ClassifyOptions {
  ModelOptions model;
  ReadingOptions reading;
  std::string data;
  std::optional<std::string> first;
  std::optional<std::string> second;
  std::vector<std::string> choices;
  std::optional<std::size_t> limit;
  std::string output;
  std::string submission;
  bool json = false;
  bool quiet = false;
};

/// The examples of a file or directory, with the labels in the order in which predictions have
/// them: the data set's own, else the model's. Throws as KnownDataset::load, and kInvalidArgument
/// for a label that the model lacks.
[[nodiscard]] Dataset read_examples(const KnownDataset& form, const ModelConfig& config,
                                    const std::string& path);

/// The answer to an example: by Dataset::labels, or by option.
struct Prediction {
  int label = 0;
  std::vector<double> probabilities;
  std::vector<double> logits;  // in the same order
};

/// What the numbers of a prediction are called: the labels, or names of `count` options.
[[nodiscard]] std::vector<std::string> label_names(const Dataset& data, std::size_t count);

/// Runs examples through a model by the options (passages from --store where it has them), keeps
/// count. Not safe for concurrent calls.
class Classifier {
 public:
  Classifier(std::shared_ptr<const Model> model, const ReadingOptions& options);

  /// One prediction per example, in order. The labels are the model's, in any order.
  [[nodiscard]] std::vector<Prediction> run(const Dataset& data, const Talk& talk);

  /// What the run has to say at its end: cut texts, passages that the store lacked, and stage times
  /// with --timing.
  void report(const Talk& talk) const;

  /// Spent in run().
  [[nodiscard]] double seconds() const noexcept { return seconds_; }

 private:
  using Examples = std::span<const Example>;

  [[nodiscard]] std::vector<Prediction> run_chunk(const Dataset& data, Examples examples,
                                                  const BatchOptions& options);
  [[nodiscard]] std::vector<Prediction> classify(const Dataset& data, Examples examples,
                                                 const std::vector<Passage>& passages,
                                                 const BatchOptions& options);
  [[nodiscard]] std::vector<Prediction> choose(Examples examples,
                                               const std::vector<Passage>& passages,
                                               const BatchOptions& options);
  void count_cuts(const PairCuts& cut);

  std::shared_ptr<const Model> model_;
  const ReadingOptions& options_;
  std::shared_ptr<StoreView> store_;  // null without --store
  std::optional<PairClassifier> pairs_;
  std::optional<MultipleChoice> choices_;
  StageTimes times_;
  std::size_t examples_ = 0;
  std::size_t cut_questions_ = 0;
  std::size_t cut_passages_ = 0;
  double seconds_ = 0;
};

}  // namespace deformer::tools
