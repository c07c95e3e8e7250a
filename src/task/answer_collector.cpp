#include "task/answer_collector.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "task/passage_source.h"
#include "text/utf8.h"

namespace deformer {

Answer make_answer(const ReadyPassage& passage, const SpanCandidate& span) {
  const EncodedPassage& encoded = *passage.encoded;
  const CodePointIndex& code_points = passage.code_points();
  Answer answer;
  answer.bytes = span.bytes;
  answer.text = encoded.text.substr(answer.bytes.begin, answer.bytes.end - answer.bytes.begin);
  answer.passage_id = encoded.id;
  answer.start = static_cast<std::int64_t>(code_points.code_points_before(answer.bytes.begin));
  answer.end = static_cast<std::int64_t>(code_points.code_points_before(answer.bytes.end));
  answer.score = span.score;
  return answer;
}

void AnswerCollector::add(const ReadyPassage& passage, std::size_t order, const DecodedSpans& spans,
                          double no_answer_score, const AnswerOptions& options) {
  if (!std::isfinite(spans.log_sum)) return;  // without a token
  has_tokens_ = true;
  log_sum_ = log_add(log_sum_, spans.log_sum);
  no_answer_score_ = std::min(no_answer_score_, no_answer_score);
  for (const SpanCandidate& span : spans.best) {
    const auto place = std::find_if(best_.begin(), best_.end(), [&](const Ranked& other) {
      return span.score > other.answer.score ||
             (span.score == other.answer.score && order < other.order);
    });
    const auto index = static_cast<std::size_t>(place - best_.begin());
    if (index >= options.top_k) break;
    best_.insert(place, {make_answer(passage, span), order});
    if (best_.size() > options.top_k) best_.pop_back();
  }
}

QaResult AnswerCollector::finish(const AnswerOptions& options) {
  QaResult result;
  if (!has_tokens_) return result;
  result.no_answer_score = no_answer_score_;
  const double log_sum = options.allow_no_answer ? log_add(log_sum_, no_answer_score_) : log_sum_;
  for (Ranked& ranked : best_) result.answers.push_back(std::move(ranked.answer));
  if (options.allow_no_answer) {
    Answer none;
    none.no_answer = true;
    none.score = no_answer_score_;
    // The threshold moves the place of "no answer" in the ranking, not its score.
    const double rank = no_answer_score_ - options.no_answer_threshold;
    const auto place = std::find_if(result.answers.begin(), result.answers.end(),
                                    [&](const Answer& answer) { return rank > answer.score; });
    result.answers.insert(place, std::move(none));
    if (result.answers.size() > options.top_k) result.answers.pop_back();
  }
  for (Answer& answer : result.answers) answer.probability = std::exp(answer.score - log_sum);
  return result;
}

}  // namespace deformer
