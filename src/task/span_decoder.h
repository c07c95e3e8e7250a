// From start and end logits to the best spans of one passage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer {

/// Logits of one window's own tokens; both spans have window.num_tokens values.
struct WindowLogits {
  Window window;
  std::span<const float> start;
  std::span<const float> end;
};

/// Tokens [first, last] of the passage (both included), scored start logit of `first` + end logit
/// of `last`.
struct SpanCandidate {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  double score = 0;
  ByteSpan bytes = {};  ///< of the passage's text, where an answer of these tokens stands
};

struct DecodedSpans {
  /// Best first, none empty, no two overlapping in bytes. Ties: earlier window, then smaller first,
  /// then smaller last.
  std::vector<SpanCandidate> best;
  /// log of the sum of exp(score) over all candidates of all windows; -infinity without a
  /// candidate. A span that lies in two windows counts twice.
  double log_sum = 0;
};

/// Candidates are all spans of at most `max_answer_tokens` (>= 1) tokens inside one window.
/// `extents` has, for each token of the passage, where an answer begins that begins with it and
/// where one ends that ends with it: the token's span, or that of whole words (word_extents()).
/// Ends never fall from one token to the next.
[[nodiscard]] DecodedSpans best_spans(std::span<const WindowLogits> windows,
                                      std::span<const ByteSpan> extents, int max_answer_tokens,
                                      std::size_t top_k);

/// log(exp(a) + exp(b)) without overflow; -infinity is the neutral element.
[[nodiscard]] double log_add(double a, double b) noexcept;

}  // namespace deformer
