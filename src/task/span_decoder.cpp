#include "task/span_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/check.h"

namespace deformer {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

bool overlap(const SpanCandidate& a, const SpanCandidate& b) {
  return a.bytes.begin < b.bytes.end && b.bytes.begin < a.bytes.end;
}

// Candidates by the token they begin at: what is found of one beginning stays, until an answer is
// taken that overlaps it. So a further answer costs a look at all beginnings, and a search at the
// few beside the last one.
class SpanSearch {
 public:
  SpanSearch(std::span<const WindowLogits> windows, std::span<const ByteSpan> extents,
             std::size_t longest)
      : extents_(extents), longest_(longest) {
    std::size_t count = 0;
    for (const WindowLogits& logits : windows) count += logits.start.size();
    beginnings_.reserve(count);
    for (const WindowLogits& logits : windows) {
      for (std::size_t token = 0; token < logits.start.size(); ++token) {
        beginnings_.push_back({&logits, token, best_from(logits, token)});
      }
    }
  }

  /// The best span that overlaps none of those that were given before.
  std::optional<SpanCandidate> next() {
    const Beginning* best = nullptr;
    for (const Beginning& each : beginnings_) {
      if (each.span && (best == nullptr || each.span->score > best->span->score)) best = &each;
    }
    if (best == nullptr) return std::nullopt;
    taken_.push_back(*best->span);
    for (Beginning& each : beginnings_) {
      if (each.span && overlap(*each.span, taken_.back())) {
        each.span = best_from(*each.window, each.token);
      }
    }
    return taken_.back();
  }

 private:
  struct Beginning {
    const WindowLogits* window;
    std::size_t token;                  // of the window
    std::optional<SpanCandidate> span;  // the best that begins there; none: all overlap
  };

  std::optional<SpanCandidate> best_from(const WindowLogits& logits, std::size_t token) const {
    const std::size_t first = logits.window.first_token + token;
    const std::size_t end = std::min(token + longest_, logits.end.size());
    std::optional<SpanCandidate> best;
    ByteSpan bytes;  // without the tokens of white space (word_extents()) at its ends
    for (std::size_t last = token; last < end; ++last) {
      const std::size_t last_token = first + (last - token);
      const ByteSpan& extent = extents_[last_token];
      if (extent.begin < extent.end) {
        if (bytes.end == 0) bytes.begin = extent.begin;
        bytes.end = extent.end;
      }
      const double score =
          static_cast<double>(logits.start[token]) + static_cast<double>(logits.end[last]);
      if (bytes.end == 0 || (best && score <= best->score)) continue;
      const SpanCandidate span{static_cast<std::uint32_t>(first),
                               static_cast<std::uint32_t>(last_token), score, bytes};
      // Later ends only reach further: they overlap the same answer.
      if (!is_free(span)) break;
      best = span;
    }
    return best;
  }

  [[nodiscard]] bool is_free(const SpanCandidate& span) const {
    return std::none_of(taken_.begin(), taken_.end(),
                        [&](const SpanCandidate& other) { return overlap(span, other); });
  }

  std::span<const ByteSpan> extents_;
  std::size_t longest_;
  std::vector<Beginning> beginnings_;
  std::vector<SpanCandidate> taken_;
};

// Of the spans that begin at each token by themselves: nothing vanishes beside logits that no span
// has together.
double log_sum_by_beginning(const WindowLogits& logits, std::size_t longest) {
  double total = kMinusInfinity;
  for (std::size_t first = 0; first < logits.start.size(); ++first) {
    const auto ends = logits.end.subspan(first, std::min(longest, logits.end.size() - first));
    const double top = *std::max_element(ends.begin(), ends.end());
    double sum = 0;
    for (const float end : ends) sum += std::exp(double{end} - top);
    total = log_add(total, double{logits.start[first]} + top + std::log(sum));
  }
  return total;
}

double log_sum_of_window(const WindowLogits& logits, std::size_t longest) {
  if (logits.start.empty()) return kMinusInfinity;
  const double top_start = *std::max_element(logits.start.begin(), logits.start.end());
  const double top_end = *std::max_element(logits.end.begin(), logits.end.end());
  std::vector<double> ends(logits.end.size());
  std::transform(logits.end.begin(), logits.end.end(), ends.begin(),
                 [&](float value) { return std::exp(static_cast<double>(value) - top_end); });
  double sum = 0;
  for (std::size_t first = 0; first < logits.start.size(); ++first) {
    double reachable = 0;
    const std::size_t end = std::min(first + longest, ends.size());
    for (std::size_t last = first; last < end; ++last) reachable += ends[last];
    sum += std::exp(static_cast<double>(logits.start[first]) - top_start) * reachable;
  }
  // The highest start and the highest end need not be in one span.
  if (sum < std::numeric_limits<double>::min()) return log_sum_by_beginning(logits, longest);
  return top_start + top_end + std::log(sum);
}

}  // namespace

double log_add(double a, double b) noexcept {
  if (a < b) std::swap(a, b);
  if (b == kMinusInfinity) return a;
  return a + std::log1p(std::exp(b - a));
}

DecodedSpans best_spans(std::span<const WindowLogits> windows, std::span<const ByteSpan> extents,
                        int max_answer_tokens, std::size_t top_k) {
  DEFORMER_CHECK(max_answer_tokens >= 1);
  const auto longest = static_cast<std::size_t>(max_answer_tokens);
  DecodedSpans decoded;
  decoded.log_sum = kMinusInfinity;
  for (const WindowLogits& logits : windows) {
    DEFORMER_CHECK(logits.start.size() == logits.window.num_tokens);
    DEFORMER_CHECK(logits.end.size() == logits.window.num_tokens);
    DEFORMER_CHECK(logits.window.num_tokens <= extents.size() &&
                   logits.window.first_token <= extents.size() - logits.window.num_tokens);
    decoded.log_sum = log_add(decoded.log_sum, log_sum_of_window(logits, longest));
  }
  SpanSearch search(windows, extents, longest);
  while (decoded.best.size() < top_k) {
    const auto next = search.next();
    if (!next) break;
    decoded.best.push_back(*next);
  }
  return decoded;
}

}  // namespace deformer
