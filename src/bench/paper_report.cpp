#include "bench/paper_report.h"

#include <optional>
#include <utility>

#include "base/number_text.h"
#include "bench/bench_report.h"
#include "bench/text_table.h"

namespace deformer {
namespace {

constexpr double kMegabyte = 1e6;
constexpr std::size_t kPaperNameWidth = 24;
constexpr std::size_t kPaperCellWidth = 6;

std::string or_dash(const std::optional<double>& value, int decimals) {
  return value ? fixed(*value, decimals) : "-";
}

std::string megabytes(std::uint64_t bytes) {
  return fixed(static_cast<double>(bytes) / kMegabyte, 1);
}

// Task, model and split; rows.
std::vector<std::string> row_head(const PaperRow& row) {
  return {row.task.name + ", " + row.model + " at " + std::to_string(row.split_layer),
          std::to_string(row.task.fresh_rows) + " + " + std::to_string(row.task.cached_rows) +
              (row.task.inputs > 1 ? " x " + std::to_string(row.task.inputs) : "")};
}

void add_row(TextTable& table, const PaperRow& row) {
  std::vector<std::string> cells = row_head(row);
  cells.push_back(fixed(row.full.flops / 1e9, 1) + " / " + fixed(row.decomposed.flops / 1e9, 1));
  cells.push_back(fixed(flops_ratio(row), 2));
  cells.push_back(or_dash(row.paper.speedup, 1));
  cells.push_back(megabytes(row.full.memory.requested_bytes) + " / " +
                  megabytes(row.decomposed.memory.requested_bytes));
  cells.push_back(fixed(memory_cut_percent(row), 1) + " %");
  cells.push_back(or_dash(row.paper.memory_cut_percent, 1));
  cells.push_back(milliseconds(row.full.seconds) + " / " + milliseconds(row.decomposed.seconds));
  cells.push_back(spread_text(row.speedup, 2));
  table.row(std::move(cells));
}

// Table 3, where the paper prints absolute figures.
void add_absolute_row(TextTable& table, const PaperRow& row) {
  std::vector<std::string> cells = row_head(row);
  cells.push_back(or_dash(row.paper.full_gflops, 1) + " / " +
                  or_dash(row.paper.decomposed_gflops, 1));
  cells.push_back(or_dash(row.paper.full_megabytes, 1) + " / " +
                  or_dash(row.paper.decomposed_megabytes, 1));
  table.row(std::move(cells));
}

}  // namespace

double flops_ratio(const PaperRow& row) {
  return row.full.flops / row.decomposed.flops;
}

double memory_cut_percent(const PaperRow& row) {
  const auto full = static_cast<double>(row.full.memory.requested_bytes);
  const auto decomposed = static_cast<double>(row.decomposed.memory.requested_bytes);
  return full == 0 ? 0 : 100 * (1 - decomposed / full);
}

std::string to_table(const PaperSummary& summary) {
  std::string text = summary.machine.cpu + ", LibTorch " + summary.machine.libtorch + ", " +
                     std::to_string(summary.threads) +
                     " threads, fp32; one input at a time, full / decomposed, the second part of "
                     "the rows cached\n\n";
  TextTable table(kPaperNameWidth, kPaperCellWidth);
  table.row(
      {"", "rows", "GFLOPs", "fewer", "paper", "MB requested", "less", "paper", "time", "faster"});
  TextTable published(kPaperNameWidth, kPaperCellWidth);
  published.row({"", "rows", "GFLOPs", "MB"});
  bool some = false;
  for (const PaperRow& row : summary.rows) {
    add_row(table, row);
    if (!row.paper.full_gflops) continue;
    add_absolute_row(published, row);
    some = true;
  }
  text += table.text();
  if (!some) return text;
  return text + "\nThe paper's own figures (table 3), full / decomposed\n" + published.text();
}

}  // namespace deformer
