// Answers as Hugging Face's question-answering pipeline finds them: each window by itself.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "deformer/span_qa.h"
#include "task/span_decoder.h"

namespace deformer {

class ReadyPassage;

/// The logits of one window's tokens, and those of [CLS], which stands for no answer.
struct WindowWithCls {
  WindowLogits tokens;
  float cls_start = 0;
  float cls_end = 0;
};

struct WindowSpans {
  /// Best first; they may overlap. Ties: smaller first, then smaller last. Spans whose probability
  /// is 0 are left out.
  std::vector<SpanCandidate> best;  ///< `score` is the product of two probabilities
  double no_answer = 0;             ///< the product of those of [CLS]
};

/// A softmax over the window's tokens and [CLS] for each end, then the best `count` products of
/// spans of at most `max_answer_tokens` (>= 1) tokens. `extents` as in best_spans(), of the
/// window's tokens alone.
[[nodiscard]] WindowSpans decode_window(const WindowWithCls& window,
                                        std::span<const ByteSpan> extents, int max_answer_tokens,
                                        std::size_t count);

/// Gathers the windows of one question's passages. Not safe for concurrent calls.
class WindowAnswerCollector {
 public:
  /// Another passage follows: its texts are answers of their own. Of equal ones those of the lowest
  /// `order` come first, whichever passage was read first.
  void begin(std::size_t order);
  /// Equal texts of a passage become one answer.
  void add(const ReadyPassage& passage, const WindowSpans& spans);

  /// Moves the result out. `id` is left to the caller.
  [[nodiscard]] QaResult finish(const AnswerOptions& options);

 private:
  struct Found {
    Answer answer;
    std::size_t order = 0;  // of its passage
  };

  std::size_t order_ = 0;
  std::vector<Found> answers_;                           // in the order in which they were found
  std::unordered_map<std::string, std::size_t> places_;  // by lower-cased text, of this passage
  std::optional<double> no_answer_;                      // lowest
};

}  // namespace deformer
