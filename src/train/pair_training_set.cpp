// Training sets of the tasks whose examples are pairs as a whole: classes and choices.
#include <string_view>
#include <unordered_map>
#include <utility>

#include "deformer/error.h"
#include "model/task_config.h"
#include "train/training_set.h"

namespace deformer {
namespace {

// Texts to ids, counting what is cut.
class TextCutter {
 public:
  TextCutter(const Tokenizer& tokenizer, const SplitConfig& split, TrainingDataReport& report)
      : tokenizer_(tokenizer), split_(split), report_(report) {}

  [[nodiscard]] std::vector<std::int32_t> question(std::string_view text) {
    return first_ids(tokenizer_, text, split_.max_question_tokens, report_.cut_questions);
  }
  /// The one window that these tasks read.
  [[nodiscard]] std::vector<std::int32_t> passage(std::string_view text) {
    return first_ids(tokenizer_, text, split_.window_tokens, report_.cut_passages);
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

// Labelled examples by passage, in the order in which the passages come.
std::vector<std::vector<const PairExample*>> by_passage(const std::vector<PairDataset>& files,
                                                        TrainingDataReport& report) {
  std::vector<std::vector<const PairExample*>> groups;
  std::unordered_map<std::string_view, std::size_t> group_of;
  for (const PairDataset& file : files) {
    report.questions += file.examples.size();
    for (const PairExample& example : file.examples) {
      if (!example.label) {
        ++report.without_answer;
        continue;
      }
      const auto [entry, added] = group_of.emplace(example.passage, groups.size());
      if (added) groups.emplace_back();
      groups[entry->second].push_back(&example);
    }
  }
  return groups;
}

void require_options(const RaceQuestion& question, std::size_t expected) {
  if (question.options.size() == expected) return;
  throw Error(ErrorCode::kInvalidArgument, "training data: question " + question.id +
                                               ": expected " + std::to_string(expected) +
                                               " options as the first one has, found " +
                                               std::to_string(question.options.size()));
}

}  // namespace

TrainingSet make_training_set(const std::vector<PairDataset>& files, const Tokenizer& tokenizer,
                              const ModelConfig& config) {
  TrainingSet set;
  TextCutter cutter(tokenizer, config.split, set.report);
  const std::vector<std::size_t> outputs = outputs_by_class(config);
  for (const auto& examples : by_passage(files, set.report)) {
    set.windows.push_back(cutter.passage(examples.front()->passage));
    for (const PairExample* example : examples) {
      add_pair(set, cutter.question(example->question), example->id);
      set.labels.push_back(
          static_cast<std::int32_t>(outputs[static_cast<std::size_t>(*example->label)]));
    }
  }
  finish(set);
  return set;
}

TrainingSet make_training_set(const std::vector<RaceDataset>& files, const Tokenizer& tokenizer,
                              const ModelConfig& config) {
  TrainingSet set;
  TextCutter cutter(tokenizer, config.split, set.report);
  for (const RaceDataset& file : files) {
    for (const RaceArticle& article : file.articles) {
      set.report.questions += article.questions.size();
      bool added = false;
      for (const RaceQuestion& question : article.questions) {
        if (!question.answer) {
          ++set.report.without_answer;
          continue;
        }
        if (set.labels.empty()) set.pairs_per_example = question.options.size();
        require_options(question, set.pairs_per_example);
        if (!std::exchange(added, true)) set.windows.push_back(cutter.passage(article.text));
        for (const std::string& option : question.options) {
          add_pair(set, cutter.question(fill_option(question.question, option)), question.id);
        }
        set.labels.push_back(*question.answer);
      }
    }
  }
  finish(set);
  return set;
}

}  // namespace deformer
