#include "task/pooled_reading.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "architecture/architecture.h"
#include "deformer/error.h"
#include "model/head.h"
#include "model/model_access.h"
#include "task/not_finite.h"

namespace deformer {
namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// A token stands behind the last one that was read; what cleaning removes is none. A look at the
// next few characters nearly always tells.
bool was_cut(const Model& model, const EncodedPassage& passage) {
  if (passage.spans.size() < static_cast<std::size_t>(model.config().split.window_tokens)) {
    return false;
  }
  const std::string_view rest = std::string_view(passage.text).substr(passage.spans.back().end);
  const auto has_token = [&](std::string_view text) {
    return !model.tokenizer().tokenize(text).ids.empty();
  };
  constexpr std::size_t kFew = 64;
  std::size_t few = std::min(kFew, rest.size());
  // Half a character would be a token of its own.
  while (few < rest.size() && few > 0 && is_continuation(rest[few])) --few;
  return has_token(rest.substr(0, few)) || (rest.size() > few && has_token(rest));
}

std::size_t best_of(std::span<const double> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

PairResult pair_result(const PairRequest& request, const PooledOutputs& outputs) {
  PairResult result;
  result.id = request.id;
  result.cut = outputs.cut;
  result.logits = outputs.logits.front();
  result.probabilities = softmax(result.logits);
  result.label = static_cast<int>(best_of(result.logits));
  return result;
}

ChoiceResult choice_result(const ChoiceRequest& request, const PooledOutputs& outputs) {
  ChoiceResult result;
  result.id = request.id;
  result.cut = outputs.cut;
  for (const auto& logits : outputs.logits) result.logits.push_back(logits.front());
  result.probabilities = softmax(result.logits);
  result.choice = static_cast<int>(best_of(result.logits));
  return result;
}

}  // namespace

PooledReading::PooledReading(const Model& model, const View& request, std::string name, Done done)
    : model_(model), request_(request), name_(std::move(name)), done_(std::move(done)) {
  outputs_.logits.resize(request.questions.size());
}

void PooledReading::take(const ReadPair& pair) {
  const WindowOutputs& outputs = pair.windows.front();
  std::vector<double>& logits = outputs_.logits[pair.question];
  logits.assign(outputs.values.begin(), outputs.values.end());
  if (!std::all_of(logits.begin(), logits.end(), [](double x) { return std::isfinite(x); })) {
    refuse_not_finite(model_, request_.passage.id,
                      pair.passage == nullptr ? StatesOrigin::kComputed : pair.passage->origin);
  }
  outputs_.cut.question = outputs_.cut.question || pair.question_cut;
  outputs_.cut.passage = pair.passage != nullptr && was_cut(model_, *pair.passage->encoded);
}

std::unique_ptr<Reading> make_pair_reading(const Model& model, const PairRequest& request,
                                           std::string name,
                                           std::function<void(Outcome<PairResult>&&)> done) {
  const PooledReading::View view{{&request.question, 1}, request.passage, request.control};
  return std::make_unique<PooledReading>(
      model, view, std::move(name),
      [&request, done = std::move(done)](Outcome<PooledOutputs>&& outcome) {
        if (const Error* const error = outcome.error()) return done(*error);
        done(pair_result(request, outcome.value()));
      });
}

std::unique_ptr<Reading> make_choice_reading(const Model& model, const ChoiceRequest& request,
                                             std::string name,
                                             std::function<void(Outcome<ChoiceResult>&&)> done) {
  const PooledReading::View view{request.choices, request.passage, request.control};
  return std::make_unique<PooledReading>(
      model, view, std::move(name),
      [&request, done = std::move(done)](Outcome<PooledOutputs>&& outcome) {
        if (const Error* const error = outcome.error()) return done(*error);
        done(choice_result(request, outcome.value()));
      });
}

void require_pooled_head(const Model& model, std::int64_t outputs) {
  const PooledHeadForm& form =
      pooled_head_form(architecture_of(model.config()), model.config().task);
  const std::string expected = model.name() + ": expected a head (" + form.pooler + ", " +
                               form.output + ") with " + std::to_string(outputs) + " outputs for " +
                               to_string(model.config().task) + ", found ";
  const Head* const head = ModelAccess::head(model);
  if (head == nullptr) throw Error(ErrorCode::kIncompatible, expected + "weights without one");
  if (head->rows() != JointRows::kCls) {
    throw Error(ErrorCode::kIncompatible, expected + "one for span questions");
  }
  if (head->outputs() == outputs) return;
  throw Error(ErrorCode::kIncompatible, expected + std::to_string(head->outputs()));
}

std::vector<double> softmax(std::span<const double> logits) {
  if (logits.empty()) return {};
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double logit : logits) {
    shares.push_back(std::exp(logit - top));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

}  // namespace deformer
