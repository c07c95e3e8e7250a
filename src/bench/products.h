// The matrix products that answering computes, by shape: what speed is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "bench/benchmark.h"
#include "bench/workload.h"
#include "deformer/model_config.h"

namespace deformer {

/// [rows, in] x [in, out], so many times.
struct LinearProduct {
  std::int64_t rows = 0;
  std::int64_t in = 0;
  std::int64_t out = 0;
  double count = 0;
};

/// Of one or more passes. Query, key and value count as one product of three times the width.
struct PassProducts {
  std::vector<LinearProduct> linear;
  double attention_flops = 0;

  [[nodiscard]] double linear_flops() const;
  [[nodiscard]] double flops() const { return linear_flops() + attention_flops; }
};

/// What SpanQa computes for these questions in one pass: of the first upper layer the projections
/// once a segment (kProjected: of the questions alone), of the last layer only the rows that the
/// head reads (the passage's and [CLS]). `config` has the split of the column: 0 for kFull. Each
/// question has its own passage.
[[nodiscard]] PassProducts answer_products(const ModelConfig& config, BenchMode mode,
                                           std::span<const QuestionRows> questions);

struct PassLimits {
  std::size_t batch_tokens = 4096;  ///< BatchOptions::batch_tokens
  std::size_t threads = 1;          ///< that a pass is dealt out to; a GPU has 1
};

/// Row counts of the linear products of the first pass over these questions: the first windows that
/// fit into batch_tokens with their questions; for kCold also of the first pass that encodes
/// passages, which takes as many windows as fit without questions, of the passages that are looked
/// up at once. In the parts that task/parallel_pass makes of them. `text_bytes`: of each question's
/// passage; read for kCold alone.
[[nodiscard]] std::set<std::int64_t> first_pass_rows(const ModelConfig& config, BenchMode mode,
                                                     std::span<const QuestionRows> questions,
                                                     std::span<const std::size_t> text_bytes,
                                                     const PassLimits& limits);

}  // namespace deformer
