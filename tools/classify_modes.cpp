#include "tools/classify_modes.h"

#include <algorithm>

#include "base/number_text.h"
#include "deformer/known_datasets.h"
#include "tools/classify_report.h"
#include "tools/failure.h"
#include "tools/output.h"

namespace deformer::tools {
namespace {

// Which of the two texts is the passage: what the data set names first, else the model's first
// segment. A question with choices is always named before its article.
bool passage_is_first(const KnownDataset& form, const ModelConfig& config) {
  if (config.task == TaskKind::kChoice || !form.task.labels.empty()) return form.task.passage_first;
  return passage_place(config) == PassagePlace::kFirst;
}

Dataset make_example(const KnownDataset& form, const ModelConfig& config,
                     const ClassifyOptions& options) {
  const bool choice = config.task == TaskKind::kChoice;
  if (choice == options.choices.empty()) {
    throw invalid("--choice: expected it with task race or choice and nowhere else, found " +
                  std::to_string(options.choices.size()) + " with task " + form.task.name);
  }
  const bool passage_first = passage_is_first(form, config);
  const std::string& question = passage_first ? *options.second : *options.first;
  Dataset data{.name = form.task.name,
               .kind = config.task,
               .labels = form.task.labels.empty() ? config.labels : form.task.labels};
  data.passages.push_back({passage_first ? *options.first : *options.second});
  Example& example = data.examples.emplace_back();
  if (!choice) example.questions.push_back(question);
  for (const std::string& each : options.choices) {
    example.questions.push_back(fill_option(question, each));
  }
  return data;
}

// Places of the results; stdout has either the score or the predictions.
class DataOutputs {
 public:
  DataOutputs(const ClassifyOptions& options, bool labelled) : json_(options.json) {
    const bool nowhere = options.output.empty() && options.submission.empty();
    std::string predictions = options.output;
    if (!labelled && nowhere) predictions = "-";
    if (is_same_place(options.submission, predictions)) {
      throw invalid("classify: expected different places for --output and --submission");
    }
    const bool stdout_taken = is_stdout(predictions) || is_stdout(options.submission);
    if (stdout_taken && json_) refuse_beside_json("the score", "predictions", "--output");
    if (!predictions.empty()) predictions_.emplace(predictions);
    if (!options.submission.empty()) submission_.emplace(options.submission);
    if (!stdout_taken) score_.emplace("-");
  }

  void write(const KnownDataset& form, const Dataset& data,
             const std::vector<Prediction>& predictions, const ClassifyReport& report,
             const Talk& talk) {
    do_all({[&] { write_submission(form, data, predictions); },
            [&] { write_predictions(data, predictions); }, [&] { write_score(report, talk); }});
  }

 private:
  void write_submission(const KnownDataset& form, const Dataset& data,
                        const std::vector<Prediction>& predictions) {
    if (!submission_) return;
    submission_->write(submission(form.submission, data, predictions));
    submission_->commit();
  }

  void write_predictions(const Dataset& data, const std::vector<Prediction>& predictions) {
    if (!predictions_) return;
    for (std::size_t i = 0; i < data.examples.size(); ++i) {
      predictions_->write(prediction_line(data, data.examples[i], predictions[i]));
    }
    predictions_->commit();
  }

  void write_score(const ClassifyReport& report, const Talk& talk) {
    if (score_) {
      score_->write(json_ ? to_json(report) : to_table(report));
      score_->commit();
    } else if (!report.scores.empty()) {
      const ClassScore& score = report.scores.front().score;
      talk.note("accuracy " + fixed(score.accuracy, 2) +
                (score.f1 ? ", F1 " + fixed(*score.f1, 2) : "") + " of " + grouped(score.total));
    }
  }

  bool json_;
  std::optional<Output> predictions_;
  std::optional<Output> submission_;
  std::optional<Output> score_;
};

std::size_t count_labelled(const Dataset& data) {
  return static_cast<std::size_t>(
      std::count_if(data.examples.begin(), data.examples.end(),
                    [](const Example& example) { return example.has_target(); }));
}

Dataset read_input(const KnownDataset& form, const ModelConfig& config,
                   const ClassifyOptions& options) {
  Dataset data = read_examples(form, config, options.data);
  if (data.examples.empty()) {
    throw invalid(options.data + ": expected at least one example, found none");
  }
  if (options.limit) data.examples.resize(std::min(data.examples.size(), *options.limit));
  return data;
}

void run_data(const KnownDataset& form, const Dataset& data, const ClassifyOptions& options) {
  const Talk talk(options.quiet);
  const std::size_t labelled = count_labelled(data);
  DataOutputs outputs(options, labelled > 0);
  Classifier classifier(load_model(options.model, talk), options.reading);
  const std::vector<Prediction> predictions = classifier.run(data, talk);
  ClassifyReport report;
  report.task = data.name;
  report.scores = score_predictions(data, predictions);
  report.unlabelled = labelled > 0 ? data.examples.size() - labelled : 0;
  report.skipped = data.skipped;
  report.cost = run_cost(data.examples.size(), classifier.seconds());
  outputs.write(form, data, predictions, report, talk);
  classifier.report(talk);
}

}  // namespace

ModelConfig load_classify_config(const ModelOptions& options) {
  ModelConfig config = load_model_config(options.model_dir, options.load.task);
  if (config.task != TaskKind::kSpan) return config;
  throw invalid(
      "expected --task boolq, mnli, qqp or race, classes or choice, or a model whose config.json "
      "says one, found " +
      std::string(options.load.task ? "--task span" : "neither"));
}

void classify_texts(const ModelConfig& config, const ClassifyOptions& options) {
  const Talk talk(options.quiet);
  Output output("-");
  const Dataset data = make_example(data_form(options.model, config, ""), config, options);
  Classifier classifier(load_model(options.model, talk), options.reading);
  const Prediction prediction = classifier.run(data, talk).front();
  output.write(options.json ? prediction_line(data, data.examples.front(), prediction)
                            : prediction_text(data, prediction));
  output.commit();
  classifier.report(talk);
}

void classify_data(const ModelConfig& config, const ClassifyOptions& options) {
  const KnownDataset& form = data_form(options.model, config, options.data);
  if (!options.submission.empty()) require_submission(form);
  run_data(form, read_input(form, config, options), options);
}

void score_data(const ClassifyOptions& options) {
  const ModelConfig config = load_classify_config(options.model);
  const KnownDataset& form = data_form(options.model, config, options.data);
  const Dataset data = read_input(form, config, options);
  if (count_labelled(data) == 0) {
    throw invalid(options.data + ": expected gold labels to compare with, found " +
                  grouped(data.examples.size()) + " examples without one");
  }
  run_data(form, data, options);
}

}  // namespace deformer::tools
