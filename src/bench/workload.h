// What questions cost a model, by their lengths.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "bench/benchmark.h"
#include "deformer/inspect.h"

namespace deformer {

/// Rows of one question and its passage, special tokens included.
struct QuestionRows {
  std::int64_t question = 0;
  std::vector<std::int64_t> windows;  ///< of the passage

  friend auto operator<=>(const QuestionRows&, const QuestionRows&) = default;
};

/// Special tokens of a question and of a passage window.
struct SpecialRows {
  int question = 0;
  int passage = 0;
};
[[nodiscard]] SpecialRows special_rows(const ModelConfig& config);

/// One entry a question, as SpanQa cuts it. Throws kInvalidArgument that quotes a question or a
/// passage without a token.
[[nodiscard]] std::vector<QuestionRows> count_rows(const Model& model,
                                                   std::span<const BenchQuestion> questions);

/// Of rows that were all asked.
[[nodiscard]] BenchWork summarize(std::span<const QuestionRows> rows);

/// Those of `indices` whose rows are not in `seen`, each rows once; `seen` has them from then on.
[[nodiscard]] std::vector<std::size_t> new_shapes(std::span<const QuestionRows> rows,
                                                  std::span<const std::size_t> indices,
                                                  std::set<QuestionRows>& seen);

/// Rows of the passage and, for each window, of the question.
[[nodiscard]] std::int64_t joint_rows(const QuestionRows& rows);

/// Whether the mode's passages come from a store.
[[nodiscard]] inline bool reads_store(BenchMode mode) {
  return mode == BenchMode::kWarm || mode == BenchMode::kProjected;
}

/// FLOPs of one question as estimate_flops() counts: kWarm lower layers over the question once and
/// upper ones over each window with it; kCold also the lower layers over the windows; kProjected
/// without their projections; kFull all layers over each window with the question. `config` has the
/// decomposed model's split.
[[nodiscard]] double question_flops(const ModelConfig& config, BenchMode mode,
                                    const QuestionRows& rows);
/// Of encoding the passage for the mode: for kProjected with the windows' projections.
[[nodiscard]] double encode_flops(const ModelConfig& config, BenchMode mode,
                                  const QuestionRows& rows);

}  // namespace deformer
