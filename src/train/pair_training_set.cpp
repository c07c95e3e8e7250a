// Training sets of classes and choices, whose examples are pairs as a whole.
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "deformer/error.h"
#include "task/preparation.h"
#include "train/training_set.h"

namespace deformer {
namespace {

// Texts to ids, counting what is cut.
class TextCutter {
 public:
  TextCutter(const Tokenizer& tokenizer, const SplitConfig& split, TrainingDataReport& report)
      : tokenizer_(tokenizer), split_(split), report_(report) {}

  [[nodiscard]] std::vector<std::int32_t> question(std::string_view text) {
    PreparedQuestion question = prepare_question(tokenizer_, split_.max_question_tokens, text);
    report_.cut_questions += question.cut ? 1 : 0;
    return std::move(question.ids);
  }
  /// The one window that these kinds read.
  [[nodiscard]] std::vector<std::int32_t> passage(std::string_view text) {
    // Choices read as classes do.
    PreparedPassage passage = prepare_passage(tokenizer_, split_, TaskKind::kClasses, text);
    report_.cut_passages += passage.cut ? 1 : 0;
    return std::move(passage.tokens.ids);
  }

 private:
  const Tokenizer& tokenizer_;
  const SplitConfig& split_;
  TrainingDataReport& report_;
};

// Adds a question on the window that was added last.
void add_pair(TrainingSet& set, std::vector<std::int32_t> ids, const std::string& id) {
  set.questions.push_back(std::move(ids));
  set.question_ids.push_back(id);
  set.pairs.push_back({.question = static_cast<std::uint32_t>(set.questions.size() - 1),
                       .window = static_cast<std::uint32_t>(set.windows.size() - 1)});
}

void finish(TrainingSet& set) {
  TrainingDataReport& report = set.report;
  report.paragraphs = report.windows = set.windows.size();
  report.pairs = set.pairs.size();
  if (!set.pairs.empty()) return;
  throw Error(ErrorCode::kInvalidArgument, "training data: expected examples with a label, found " +
                                               std::to_string(report.questions) +
                                               " examples without");
}

// Labelled examples by passage, in the order in which they come.
std::vector<std::vector<const Example*>> by_passage(const Dataset& dataset,
                                                    TrainingDataReport& report) {
  std::vector<std::vector<const Example*>> groups;
  std::vector<std::size_t> group_of(dataset.passages.size(), dataset.passages.size());
  for (const Example& example : dataset.examples) {
    ++report.questions;
    if (!example.label()) {
      ++report.without_answer;
      continue;
    }
    std::size_t& group = group_of[example.passage];
    if (group == dataset.passages.size()) {
      group = groups.size();
      groups.emplace_back();
    }
    groups[group].push_back(&example);
  }
  return groups;
}

void require_options(const Example& example, std::size_t expected) {
  if (example.questions.size() == expected) return;
  throw Error(ErrorCode::kInvalidArgument, "training data: question " + example.id + ": expected " +
                                               std::to_string(expected) +
                                               " options as the first one has, found " +
                                               std::to_string(example.questions.size()));
}

void add_example(TrainingSet& set, TextCutter& cutter, const Example& example) {
  if (set.labels.empty()) set.pairs_per_example = example.questions.size();
  require_options(example, set.pairs_per_example);
  for (const std::string& question : example.questions) {
    add_pair(set, cutter.question(question), example.id);
  }
  set.labels.push_back(*example.label());
}

}  // namespace

TrainingSet make_pair_set(const Dataset& dataset, const Tokenizer& tokenizer,
                          const SplitConfig& split) {
  TrainingSet set;
  TextCutter cutter(tokenizer, split, set.report);
  for (const auto& examples : by_passage(dataset, set.report)) {
    set.windows.push_back(cutter.passage(dataset.passage_of(*examples.front())));
    for (const Example* example : examples) add_example(set, cutter, *example);
  }
  finish(set);
  return set;
}

}  // namespace deformer
