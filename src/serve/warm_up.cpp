#include "serve/warm_up.h"

#include <string>
#include <vector>

#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/span_qa.h"

namespace deformer::serve {
namespace {

constexpr const char* kQuestion = "Which words are read before the first question comes?";
constexpr int kManyWords = 400;

std::string words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "These are words that no one will see. ";
  return text;
}

void read(const std::shared_ptr<const Model>& model, const std::string& text) {
  const Passage passage{"warm-up", text};
  switch (model->config().task) {
    case TaskKind::kSpan:
      static_cast<void>(SpanQa(model).answer(
          std::vector<QaRequest>{{.question = kQuestion, .passages = {passage}}}));
      return;
    case TaskKind::kClasses:
      static_cast<void>(PairClassifier(model).classify(
          std::vector<PairRequest>{{.question = kQuestion, .passage = passage}}));
      return;
    case TaskKind::kChoice:
      static_cast<void>(MultipleChoice(model).choose(
          std::vector<ChoiceRequest>{{.choices = {kQuestion, kQuestion}, .passage = passage}}));
      return;
  }
}

}  // namespace

void warm_up(const std::shared_ptr<const Model>& model) {
  read(model, words(1));
  read(model, words(kManyWords / 8));
}

}  // namespace deformer::serve
