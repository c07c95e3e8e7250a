#include "tools/classify_modes.h"

#include <algorithm>
#include <utility>

#include "deformer/error.h"
#include "tools/classify_report.h"
#include "tools/classify_run.h"
#include "tools/cost.h"
#include "tools/output.h"

namespace deformer::tools {
namespace {

ClassifyItem make_item(Task task, const ClassifyVerbOptions& options) {
  const bool passage_first = passage_is_named_first(task);
  const std::string& question = passage_first ? *options.second : *options.first;
  ClassifyItem item;
  item.passage = passage_of(passage_first ? *options.first : *options.second);
  if (task != Task::kRace && options.choices.empty()) {
    item.questions.push_back(question);
    return item;
  }
  if (task != Task::kRace || options.choices.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--choice: expected it with task race and nowhere else, found " +
                    std::to_string(options.choices.size()) + " with task " + to_string(task));
  }
  for (const std::string& choice : options.choices) {
    item.questions.push_back(fill_option(question, choice));
  }
  return item;
}

// Places of the results; stdout has either the score or the predictions.
class DataOutputs {
 public:
  DataOutputs(const ClassifyVerbOptions& options, bool labelled) : json_(options.json) {
    const bool nowhere = options.output.empty() && options.submission.empty();
    std::string predictions = options.output;
    if (!labelled && nowhere) predictions = "-";
    if (!options.submission.empty() && options.submission == predictions) {
      throw Error(ErrorCode::kInvalidArgument,
                  "classify: expected different places for --output and --submission");
    }
    const bool stdout_taken = predictions == "-" || options.submission == "-";
    if (stdout_taken && json_) {
      throw Error(ErrorCode::kInvalidArgument,
                  "--json: expected stdout for the score, found predictions there (name a file "
                  "with --output)");
    }
    if (!predictions.empty()) predictions_.emplace(predictions);
    if (!options.submission.empty()) submission_.emplace(options.submission);
    if (!stdout_taken) score_.emplace("-");
  }

  void write(Task task, const std::vector<ClassifyItem>& items,
             const std::vector<Prediction>& predictions) {
    if (predictions_) {
      for (std::size_t i = 0; i < items.size(); ++i) {
        predictions_->write(prediction_line(task, items[i], predictions[i]));
      }
    }
    if (submission_) submission_->write(submission(task, items, predictions));
  }

  void commit(const ClassifyReport& report, const Talk& talk) {
    if (score_) {
      score_->write(json_ ? to_json(report) : to_table(report));
    } else if (!report.scores.empty()) {
      const ClassScore& score = report.scores.front().score;
      talk.note("accuracy " + fixed(score.accuracy, 2) +
                (score.f1 ? ", F1 " + fixed(*score.f1, 2) : "") + " of " + grouped(score.total));
    }
    if (submission_) submission_->commit();
    if (predictions_) predictions_->commit();
    if (score_) score_->commit();
  }

 private:
  bool json_;
  std::optional<Output> predictions_;
  std::optional<Output> submission_;
  std::optional<Output> score_;
};

}  // namespace

void classify_texts(Task task, const ClassifyVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output("-");
  const std::vector<ClassifyItem> items{make_item(task, options)};
  Classifier classifier(load_model(options.model, talk), options);
  const Prediction prediction = classifier.run(items, talk).front();
  output.write(options.json ? prediction_line(task, items.front(), prediction)
                            : prediction_text(task, prediction));
  output.commit();
  classifier.report(talk);
}

void classify_data(Task task, const ClassifyVerbOptions& options) {
  const Talk talk(options.quiet);
  if (!options.submission.empty()) require_submission(task);
  ClassifyInput input = read_classify_input(task, options.data);
  std::vector<ClassifyItem>& items = input.items;
  if (items.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                options.data + ": expected at least one example, found none");
  }
  if (options.limit) items.resize(std::min(items.size(), *options.limit));
  const auto labelled = static_cast<std::size_t>(
      std::count_if(items.begin(), items.end(), [](const auto& item) { return item.gold; }));
  DataOutputs outputs(options, labelled > 0);
  Classifier classifier(load_model(options.model, talk), options);
  const std::vector<Prediction> predictions = classifier.run(items, talk);
  outputs.write(task, items, predictions);
  ClassifyReport report;
  report.task = task;
  report.scores = score_predictions(task, items, predictions);
  report.unlabelled = labelled > 0 ? items.size() - labelled : 0;
  report.skipped = input.skipped;
  report.examples = items.size();
  report.seconds = classifier.seconds();
  report.peak_rss_bytes = peak_rss_bytes();
  outputs.commit(report, talk);
  classifier.report(talk);
}

}  // namespace deformer::tools
