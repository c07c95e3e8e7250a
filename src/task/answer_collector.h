// Gathers what the passages of one question give and turns it into its answers.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "deformer/span_qa.h"
#include "task/span_decoder.h"

namespace deformer {

class ReadyPassage;

/// The text and the offsets of a candidate, with its score.
[[nodiscard]] Answer make_answer(const ReadyPassage& passage, const SpanCandidate& span);

/// Not safe for concurrent calls.
class AnswerCollector {
 public:
  AnswerCollector() = default;

  /// Adds the spans of one passage; `no_answer_score` is the lowest of its windows. `order` is the
  /// passage's place in the request and breaks ties.
  void add(const ReadyPassage& passage, std::size_t order, const DecodedSpans& spans,
           double no_answer_score, const AnswerOptions& options);

  /// Moves the result out. `id` is left to the caller.
  [[nodiscard]] QaResult finish(const AnswerOptions& options);

 private:
  struct Ranked {
    Answer answer;
    std::size_t order = 0;
  };

  std::vector<Ranked> best_;  // at most top_k, best first
  double log_sum_ = -std::numeric_limits<double>::infinity();
  double no_answer_score_ = std::numeric_limits<double>::infinity();
  bool has_tokens_ = false;
};

}  // namespace deformer
