#include "task/span_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/check.h"

namespace deformer {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

bool overlaps(const SpanCandidate& span, const std::vector<SpanCandidate>& taken) {
  return std::any_of(taken.begin(), taken.end(), [&](const SpanCandidate& other) {
    return span.bytes.begin < other.bytes.end && other.bytes.begin < span.bytes.end;
  });
}

// The best span of one window that overlaps none of `taken`.
std::optional<SpanCandidate> best_of_window(const WindowLogits& logits,
                                            std::span<const ByteSpan> extents, std::size_t longest,
                                            const std::vector<SpanCandidate>& taken) {
  const std::span<const ByteSpan> own =
      extents.subspan(logits.window.first_token, logits.window.num_tokens);
  std::optional<SpanCandidate> best;
  for (std::size_t first = 0; first < logits.start.size(); ++first) {
    const std::size_t end = std::min(first + longest, logits.end.size());
    for (std::size_t last = first; last < end; ++last) {
      const double score =
          static_cast<double>(logits.start[first]) + static_cast<double>(logits.end[last]);
      if (best && score <= best->score) continue;
      const SpanCandidate span{logits.window.first_token + static_cast<std::uint32_t>(first),
                               logits.window.first_token + static_cast<std::uint32_t>(last),
                               score,
                               {own[first].begin, own[last].end}};
      if (!overlaps(span, taken)) best = span;
    }
  }
  return best;
}

std::optional<SpanCandidate> best_of_passage(std::span<const WindowLogits> windows,
                                             std::span<const ByteSpan> extents, std::size_t longest,
                                             const std::vector<SpanCandidate>& taken) {
  std::optional<SpanCandidate> best;
  for (const WindowLogits& logits : windows) {
    const auto candidate = best_of_window(logits, extents, longest, taken);
    if (candidate && (!best || candidate->score > best->score)) best = candidate;
  }
  return best;
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
  while (decoded.best.size() < top_k) {
    const auto next = best_of_passage(windows, extents, longest, decoded.best);
    if (!next) break;
    decoded.best.push_back(*next);
  }
  return decoded;
}

}  // namespace deformer
