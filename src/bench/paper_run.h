// One task of the paper on one model.
#pragma once

#include <cstdint>

#include "bench/paper_benchmark.h"
#include "deformer/model.h"

namespace deformer {

struct PaperRunOptions {
  double min_seconds = 5;
  std::uint64_t seed = 1;
};

/// Everything of a row but the model's name and the paper's figures. One warm-up, then full and
/// decomposed in turn until each has run for min_seconds, at least three times.
[[nodiscard]] PaperRow run_paper_task(const Model& model, const PaperTask& task,
                                      const PaperRunOptions& options);

}  // namespace deformer
