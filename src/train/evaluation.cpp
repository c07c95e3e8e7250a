#include "train/evaluation.h"

#include <vector>

#include "deformer/class_metrics.h"
#include "deformer/content_id.h"
#include "deformer/metrics.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/span_qa.h"

namespace deformer {
namespace {

using SharedModel = std::shared_ptr<const Model>;

// Requests with their passages' texts; the answer step encodes one text once for all of them.
Passage passage_of(const std::string& text) {
  return {content_id(text), text};
}

TrainingScore evaluate(const SharedModel& model, const SquadDataset& dataset) {
  const SpanQa reader(model);
  Predictions predictions;
  const bool no_answer = dataset.has_unanswerable();
  for (const SquadArticle& article : dataset.articles) {
    std::vector<QaRequest> requests;
    for (const SquadParagraph& paragraph : article.paragraphs) {
      for (const SquadQuestion& question : paragraph.questions) {
        requests.push_back({question.id, question.question, {passage_of(paragraph.context)}});
      }
    }
    for (const QaResult& result : reader.answer(requests, {.allow_no_answer = no_answer})) {
      predictions.emplace(result.id, result.answers.empty() ? "" : result.answers.front().text);
    }
  }
  const SquadScore score = evaluate_squad(dataset, predictions).overall;
  return {.exact = score.exact, .f1 = score.f1};
}

TrainingScore evaluate(const SharedModel& model, const PairDataset& dataset) {
  std::vector<PairRequest> requests;
  std::vector<int> gold;
  for (const PairExample& example : dataset.examples) {
    requests.push_back({example.id, example.question, passage_of(example.passage)});
    gold.push_back(*example.label);
  }
  std::vector<int> predicted;
  for (const PairResult& result : PairClassifier(model).classify(requests)) {
    predicted.push_back(result.label);
  }
  const ClassScore score = score_classes(predicted, gold, positive_class(dataset.task));
  return {.f1 = score.f1, .accuracy = score.accuracy};
}

TrainingScore evaluate(const SharedModel& model, const RaceDataset& dataset) {
  std::vector<ChoiceRequest> requests;
  std::vector<int> gold;
  for (const RaceArticle& article : dataset.articles) {
    for (const RaceQuestion& question : article.questions) {
      ChoiceRequest request{question.id, {}, passage_of(article.text)};
      for (const std::string& option : question.options) {
        request.choices.push_back(fill_option(question.question, option));
      }
      requests.push_back(std::move(request));
      gold.push_back(*question.answer);
    }
  }
  std::vector<int> predicted;
  for (const ChoiceResult& result : MultipleChoice(model).choose(requests)) {
    predicted.push_back(result.choice);
  }
  return {.accuracy = score_classes(predicted, gold).accuracy};
}

}  // namespace

std::size_t num_questions(const HeldOut& held_out) {
  if (const auto* pairs = std::get_if<PairDataset>(&held_out)) return pairs->examples.size();
  if (const auto* race = std::get_if<RaceDataset>(&held_out)) return race->num_questions();
  return std::get<SquadDataset>(held_out).num_questions();
}

TrainingScore evaluate_reader(const SharedModel& model, const HeldOut& held_out) {
  TrainingScore score =
      std::visit([&](const auto& dataset) { return evaluate(model, dataset); }, held_out);
  score.split_layer = model->config().split.split_layer;
  return score;
}

}  // namespace deformer
