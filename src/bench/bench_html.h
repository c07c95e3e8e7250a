// A benchmark as one page that needs nothing beside it.
#pragma once

#include <string>

#include "tools/bench_report.h"
#include "tools/paper_report.h"

namespace deformer::tools {

/// Plots (reuse, stages, latency) and a table of the figures.
[[nodiscard]] std::string to_html(const BenchSummary& summary);
/// The ratios as bars beside the paper's, and a table.
[[nodiscard]] std::string to_html(const PaperSummary& summary);

}  // namespace deformer::tools
