// The paper's measurements, ours beside its own, for people and for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/paper_benchmark.h"

namespace deformer {

struct PaperSummary {
  BenchMachine machine;
  int threads = 0;
  std::uint64_t seed = 0;
  std::vector<PaperRow> rows;
};

/// Full over decomposed.
[[nodiscard]] double flops_ratio(const PaperRow& row);
/// How much less memory the decomposed run requests, in percent.
[[nodiscard]] double memory_cut_percent(const PaperRow& row);

[[nodiscard]] DEFORMER_EXPORT std::string to_table(const PaperSummary& summary);
/// One object in one line (docs/cli.md).
[[nodiscard]] DEFORMER_EXPORT std::string to_json(const PaperSummary& summary);

}  // namespace deformer
