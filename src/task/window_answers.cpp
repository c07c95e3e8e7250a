#include "task/window_answers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "task/answer_collector.h"
#include "text/python_text.h"
#include "text/utf8.h"

namespace deformer {
namespace {

struct Probabilities {
  std::vector<double> tokens;
  double cls = 0;
};

Probabilities softmax(std::span<const float> logits, float cls) {
  float top = cls;
  for (const float logit : logits) top = std::max(top, logit);
  Probabilities result{std::vector<double>(logits.size()), std::exp(double{cls} - double{top})};
  double sum = result.cls;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    result.tokens[i] = std::exp(double{logits[i]} - double{top});
    sum += result.tokens[i];
  }
  for (double& value : result.tokens) value /= sum;
  result.cls /= sum;
  return result;
}

// The best `count` candidates that were offered; of equal ones those that came first.
class BestSpans {
 public:
  explicit BestSpans(std::size_t count) : count_(count) {}

  /// A score has to be above this one to be kept.
  [[nodiscard]] double bar() const noexcept { return bar_; }

  void offer(const SpanCandidate& span) {
    const auto place =
        std::upper_bound(best_.begin(), best_.end(), span,
                         [](const auto& a, const auto& b) { return a.score > b.score; });
    best_.insert(place, span);
    if (best_.size() > count_) best_.pop_back();
    if (best_.size() == count_) bar_ = best_.back().score;
  }

  [[nodiscard]] std::vector<SpanCandidate> take() && { return std::move(best_); }

 private:
  std::size_t count_;
  double bar_ = 0;
  std::vector<SpanCandidate> best_;
};

std::string lower_cased(const std::string& text) {
  return is_valid_utf8(text) ? to_utf8(python_lower(to_utf32(text))) : text;
}

}  // namespace

WindowSpans decode_window(const WindowWithCls& window, std::span<const ByteSpan> extents,
                          int max_answer_tokens, std::size_t count) {
  DEFORMER_CHECK(max_answer_tokens >= 1 && count >= 1);
  const Window place = window.tokens.window;
  DEFORMER_CHECK(extents.size() == place.num_tokens);
  const Probabilities starts = softmax(window.tokens.start, window.cls_start);
  const Probabilities ends = softmax(window.tokens.end, window.cls_end);
  const double top_end =
      ends.tokens.empty() ? 0 : *std::max_element(ends.tokens.begin(), ends.tokens.end());
  const auto longest = static_cast<std::size_t>(max_answer_tokens);
  BestSpans best(count);
  for (std::size_t first = 0; first < extents.size(); ++first) {
    if (starts.tokens[first] * top_end <= best.bar()) continue;
    const std::size_t end = std::min(first + longest, extents.size());
    for (std::size_t last = first; last < end; ++last) {
      const double score = starts.tokens[first] * ends.tokens[last];
      if (score <= best.bar()) continue;
      best.offer({place.first_token + static_cast<std::uint32_t>(first),
                  place.first_token + static_cast<std::uint32_t>(last),
                  score,
                  {extents[first].begin, extents[last].end}});
    }
  }
  return {std::move(best).take(), starts.cls * ends.cls};
}

void WindowAnswerCollector::begin(std::size_t order) {
  order_ = order;
  places_.clear();
}

void WindowAnswerCollector::add(const ReadyPassage& passage, const WindowSpans& spans) {
  no_answer_ = std::min(no_answer_.value_or(spans.no_answer), spans.no_answer);
  for (const SpanCandidate& span : spans.best) {
    Answer answer = make_answer(passage, span);
    const auto [place, added] = places_.emplace(lower_cased(answer.text), answers_.size());
    if (added) {
      answers_.push_back({std::move(answer), order_});
    } else {
      answers_[place->second].answer.score += span.score;
    }
  }
}

QaResult WindowAnswerCollector::finish(const AnswerOptions& options) {
  QaResult result;
  result.no_answer_score = no_answer_;
  if (options.allow_no_answer && no_answer_) {
    Answer none;
    none.no_answer = true;
    none.score = *no_answer_;
    answers_.push_back({std::move(none), std::numeric_limits<std::size_t>::max()});
  }
  const auto rank = [&](const Answer& answer) {
    return answer.no_answer ? answer.score - options.no_answer_threshold : answer.score;
  };
  std::stable_sort(answers_.begin(), answers_.end(), [&](const Found& a, const Found& b) {
    const double first = rank(a.answer);
    const double second = rank(b.answer);
    return first > second || (first == second && a.order < b.order);
  });
  if (answers_.size() > options.top_k) answers_.resize(options.top_k);
  for (Found& found : answers_) {
    found.answer.probability = found.answer.score;
    result.answers.push_back(std::move(found.answer));
  }
  answers_.clear();
  return result;
}

}  // namespace deformer
