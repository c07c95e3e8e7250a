// A benchmark as one page that needs nothing beside it.
#pragma once

#include <string>

#include "bench/bench_report.h"
#include "bench/paper_report.h"

namespace deformer {

/// Plots (reuse, stages, latency) and a table of the figures.
[[nodiscard]] DEFORMER_EXPORT std::string to_html(const BenchSummary& summary);
/// The ratios as bars beside the paper's, and a table.
[[nodiscard]] DEFORMER_EXPORT std::string to_html(const PaperSummary& summary);

}  // namespace deformer
