#include "train/evaluation.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "deformer/class_metrics.h"
#include "deformer/metrics.h"
#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"

namespace deformer {
namespace {

using SharedModel = std::shared_ptr<const Model>;

// Enough for full batches, little memory.
constexpr std::size_t kChunkExamples = 1024;

// The text under its content id; the answer step encodes one text once for all its requests. An id
// without a text would be looked up.
Passage passage_of(const Dataset& dataset, const Example& example) {
  const std::string& text = dataset.passage_of(example);
  if (text.empty()) return {};
  return {content_id(text), text};
}

// As the official scorers walk it.
SquadDataset to_squad(const Dataset& dataset) {
  std::vector<SquadParagraph> paragraphs;
  for (const DatasetPassage& passage : dataset.passages) paragraphs.push_back({passage.text, {}});
  for (const Example& example : dataset.examples) {
    const auto& target = std::get<SpanTarget>(example.target);
    paragraphs[example.passage].questions.push_back(
        {example.id, example.questions.front(), target.answers, target.is_impossible});
  }
  SquadDataset squad;
  squad.articles.push_back({.title = "", .paragraphs = std::move(paragraphs)});
  return squad;
}

// Of a chunk: counts those before it too. Null where there is none.
ProgressCallback counted_from(std::size_t before, std::size_t of,
                              const ProgressCallback& progress) {
  if (!progress) return nullptr;
  return [before, of, &progress](std::size_t done, std::size_t) { progress(before + done, of); };
}

TrainingScore evaluate_spans(const SharedModel& model, const Dataset& dataset,
                             const ProgressCallback& progress) {
  const SquadDataset gold = to_squad(dataset);
  const SpanQa qa(model);
  const AnswerOptions options{.allow_no_answer = gold.has_unanswerable()};
  Predictions predictions;
  std::span<const Example> rest(dataset.examples);
  while (!rest.empty()) {
    const auto chunk = rest.first(std::min(kChunkExamples, rest.size()));
    const std::size_t before = dataset.examples.size() - rest.size();
    const BatchOptions batches{.progress = counted_from(before, dataset.examples.size(), progress)};
    rest = rest.subspan(chunk.size());
    std::vector<QaRequest> requests;
    for (const Example& example : chunk) {
      predictions.emplace(example.id, "");  // the answer from an empty passage
      if (dataset.passage_of(example).empty()) continue;
      requests.push_back({example.id, example.questions.front(), {passage_of(dataset, example)}});
    }
    for (const QaResult& result : qa.answer(requests, options, batches)) {
      if (!result.answers.empty()) predictions[result.id] = result.answers.front().text;
    }
  }
  const SquadScore score = evaluate_squad(gold, predictions).overall;
  return {.exact = score.exact, .f1 = score.f1};
}

std::vector<int> predict_classes(const SharedModel& model, const Dataset& dataset,
                                 const BatchOptions& batches) {
  std::vector<PairRequest> requests;
  for (const Example& example : dataset.examples) {
    requests.push_back({example.id, example.questions.front(), passage_of(dataset, example)});
  }
  std::vector<int> predicted;
  for (const PairResult& result : PairClassifier(model).classify(requests, batches)) {
    predicted.push_back(result.label);
  }
  return predicted;
}

std::vector<int> predict_choices(const SharedModel& model, const Dataset& dataset,
                                 const BatchOptions& batches) {
  std::vector<ChoiceRequest> requests;
  for (const Example& example : dataset.examples) {
    requests.push_back({example.id, example.questions, passage_of(dataset, example)});
  }
  std::vector<int> predicted;
  for (const ChoiceResult& result : MultipleChoice(model).choose(requests, batches)) {
    predicted.push_back(result.choice);
  }
  return predicted;
}

TrainingScore evaluate_labels(const SharedModel& model, const Dataset& dataset,
                              const ProgressCallback& progress) {
  const bool classes = dataset.kind == TaskKind::kClasses;
  const BatchOptions batches{.progress = progress};
  const std::vector<int> predicted =
      classes ? predict_classes(model, dataset, batches) : predict_choices(model, dataset, batches);
  std::vector<int> gold;
  for (const Example& example : dataset.examples) gold.push_back(*example.label());
  const ClassScore score = score_classes(predicted, gold, dataset.positive_label);
  return {.f1 = score.f1, .accuracy = score.accuracy};
}

}  // namespace

TrainingScore evaluate_reader(const SharedModel& model, const Dataset& held_out,
                              const ProgressCallback& progress) {
  TrainingScore score = held_out.kind == TaskKind::kSpan
                            ? evaluate_spans(model, held_out, progress)
                            : evaluate_labels(model, held_out, progress);
  score.split_layer = model->config().split.split_layer;
  return score;
}

}  // namespace deformer
