#include "tools/classify_run.h"

#include <algorithm>
#include <utility>

#include "base/number_text.h"
#include "base/stopwatch.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"

namespace deformer::tools {
namespace {

// Enough for full batches, little memory.
constexpr std::size_t kChunkExamples = 1024;

// Known by its content id; a blank one has none.
Passage passage_of(const std::string& text) {
  if (text.empty()) return {};
  return {content_id(text), text};
}

// By the numbers of `labels`, which are the model's in any order.
Prediction by_labels(const PairResult& result, const std::vector<std::string>& model_labels,
                     const std::vector<std::string>& labels) {
  Prediction prediction;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::size_t output = find_label(model_labels, labels[i]).value();
    prediction.probabilities.push_back(result.probabilities[output]);
    prediction.logits.push_back(result.logits[output]);
    if (output == static_cast<std::size_t>(result.label)) prediction.label = static_cast<int>(i);
  }
  return prediction;
}

}  // namespace

Dataset read_examples(const KnownDataset& form, const ModelConfig& config,
                      const std::string& path) {
  Dataset data = form.load(path);
  try {
    use_labels(data, form.task.labels.empty() ? config.labels : form.task.labels);
  } catch (const Error& error) {
    throw Error(error.code(), path + ": " + error.what());
  }
  return data;
}

std::vector<std::string> label_names(const Dataset& data, std::size_t count) {
  if (data.kind == TaskKind::kClasses) return data.labels;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(option_name(i, count));
  return names;
}

Classifier::Classifier(std::shared_ptr<const Model> model, const ReadingOptions& options)
    : model_(std::move(model)), options_(options), store_(open_store_view(*model_, options)) {
  if (model_->config().task == TaskKind::kChoice) {
    choices_.emplace(model_, store_);
  } else {
    pairs_.emplace(model_, store_);
  }
}

std::vector<Prediction> Classifier::run(const Dataset& data, const Talk& talk) {
  const Stopwatch watch;
  const Examples examples(data.examples);
  Progress progress(talk, "classify", "examples", examples.size());
  std::vector<Prediction> predictions;
  predictions.reserve(examples.size());
  BatchOptions options;
  options.batch_tokens = options_.batch_tokens;
  options.progress = [&](std::size_t done, std::size_t) {
    progress.update(predictions.size() + done);
  };
  for (std::size_t begin = 0; begin < examples.size(); begin += kChunkExamples) {
    const std::size_t count = std::min(kChunkExamples, examples.size() - begin);
    for (Prediction& prediction : run_chunk(data, examples.subspan(begin, count), options)) {
      predictions.push_back(std::move(prediction));
    }
  }
  examples_ += examples.size();
  seconds_ += watch.seconds();
  return predictions;
}

std::vector<Prediction> Classifier::run_chunk(const Dataset& data, Examples examples,
                                              const BatchOptions& options) {
  std::vector<Passage> passages;
  passages.reserve(examples.size());
  for (const Example& example : examples) passages.push_back(passage_of(data.passage_of(example)));
  if (store_) {
    std::vector<const Passage*> expected;
    expected.reserve(passages.size());
    for (const Passage& passage : passages) expected.push_back(&passage);
    store_->expect(expected);
  }
  return choices_ ? choose(examples, passages, options)
                  : classify(data, examples, passages, options);
}

std::vector<Prediction> Classifier::classify(const Dataset& data, Examples examples,
                                             const std::vector<Passage>& passages,
                                             const BatchOptions& options) {
  std::vector<PairRequest> requests;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    requests.push_back({examples[i].id, examples[i].questions.front(), passages[i]});
  }
  std::vector<Prediction> predictions(requests.size());
  const auto take = [&](std::size_t request, Outcome<PairResult>&& outcome) {
    const PairResult result = std::move(outcome).value();
    count_cuts(result.cut);
    predictions[request] = by_labels(result, pairs_->labels(), data.labels);
  };
  times_ += pairs_->classify_each(requests, take, options);
  return predictions;
}

std::vector<Prediction> Classifier::choose(Examples examples, const std::vector<Passage>& passages,
                                           const BatchOptions& options) {
  std::vector<ChoiceRequest> requests;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    requests.push_back({examples[i].id, examples[i].questions, passages[i]});
  }
  std::vector<Prediction> predictions(requests.size());
  const auto take = [&](std::size_t request, Outcome<ChoiceResult>&& outcome) {
    ChoiceResult result = std::move(outcome).value();
    count_cuts(result.cut);
    predictions[request] = {result.choice, std::move(result.probabilities),
                            std::move(result.logits)};
  };
  times_ += choices_->choose_each(requests, take, options);
  return predictions;
}

void Classifier::count_cuts(const PairCuts& cut) {
  cut_questions_ += cut.question ? 1 : 0;
  cut_passages_ += cut.passage ? 1 : 0;
}

void Classifier::report(const Talk& talk) const {
  const SplitConfig& split = model_->config().split;
  const auto note_cut = [&](const char* what, int tokens, std::size_t count) {
    if (count == 0) return;
    talk.note("examples whose " + std::string(what) + " was cut to " + std::to_string(tokens) +
              " tokens: " + grouped(count) + " of " + grouped(examples_));
  };
  note_cut("question", split.max_question_tokens, cut_questions_);
  note_cut("passage", split.window_tokens, cut_passages_);
  report_reading(options_, store_.get(), times_, seconds_, talk);
}

}  // namespace deformer::tools
