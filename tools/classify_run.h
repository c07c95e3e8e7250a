// Classifying a whole file of any task, as one list of predictions.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/pair_dataset.h"
#include "tools/cmd_classify.h"
#include "tools/store_view.h"
#include "tools/talk.h"

namespace deformer::tools {

/// What is asked: a pair, or a question with choices about an article.
struct ClassifyItem {
  std::string id;
  std::vector<std::string> questions;  ///< one; of RACE one an option
  Passage passage;                     ///< known by its content id; a blank one has none
  std::optional<int> gold;
  std::string level;  ///< RACE: "middle", "high" or ""
};

/// The items of a data set.
struct ClassifyInput {
  std::vector<ClassifyItem> items;
  std::size_t skipped = 0;  ///< rows that could not be read
};

/// Reads the file or directory of any task but kSpan. Throws as the readers of pair_dataset.h.
[[nodiscard]] ClassifyInput read_classify_input(Task task, const std::string& path);

/// The passage of one text under its content id; of "" a blank one.
[[nodiscard]] Passage passage_of(const std::string& text);

/// The answer to an item. Labels are class names, of RACE the options' letters.
struct Prediction {
  int label = 0;
  std::vector<double> probabilities;
};

/// Names of an item's classes: class_names(task), or "A", "B", ... for `count` options.
[[nodiscard]] std::vector<std::string> label_names(Task task, std::size_t count);

/// Runs items through a model by the options (passages from --store where it has them), keeps
/// count. Not safe for concurrent calls.
class Classifier {
 public:
  Classifier(std::shared_ptr<const Model> model, const ClassifyVerbOptions& options);

  /// One prediction per item, in order.
  [[nodiscard]] std::vector<Prediction> run(const std::vector<ClassifyItem>& items,
                                            const Talk& talk);

  /// What the run has to say at its end: cut texts, passages that the store lacked, and stage times
  /// with --timing.
  void report(const Talk& talk) const;

  /// Spent in run().
  [[nodiscard]] double seconds() const noexcept { return seconds_; }

 private:
  [[nodiscard]] std::vector<Prediction> run_chunk(std::span<const ClassifyItem> items,
                                                  const BatchOptions& options);
  void count_cuts(const PairCuts& cut);

  std::shared_ptr<const Model> model_;
  const ClassifyVerbOptions& options_;
  std::shared_ptr<StoreView> store_;  // null without --store
  std::optional<PairClassifier> pairs_;
  std::optional<MultipleChoice> choices_;
  StageTimes times_;
  std::size_t items_ = 0;
  std::size_t cut_questions_ = 0;
  std::size_t cut_passages_ = 0;
  double seconds_ = 0;
};

}  // namespace deformer::tools
