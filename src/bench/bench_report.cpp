#include "bench/bench_report.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/number_text.h"
#include "base/shown_uri.h"
#include "base/table_text.h"
#include "bench/text_table.h"
#include "bench/workload.h"
#include "deformer/runtime.h"

namespace deformer {
namespace {

constexpr std::size_t kNameWidth = 22;
constexpr std::size_t kCellWidth = 20;

using Cell = std::function<std::string(const BenchColumnReport&)>;

class Table {
 public:
  explicit Table(const BenchReport& report) : report_(report) {}

  void heading(const std::string& name) {
    table_.line("");
    table_.line(name);
  }
  void row(const std::string& name, const Cell& cell) {
    std::vector<std::string> cells{name};
    for (const BenchColumnReport& column : report_.columns) cells.push_back(cell(column));
    table_.row(std::move(cells));
  }
  [[nodiscard]] std::string text() const { return table_.text(); }

 private:
  const BenchReport& report_;
  TextTable table_{kNameWidth, kCellWidth};
};

// Empty where no column reads a store.
std::string store_line(const BenchSummary& summary) {
  const BenchReport& report = summary.report;
  const bool read =
      std::any_of(report.columns.begin(), report.columns.end(),
                  [](const BenchColumnReport& column) { return reads_store(column.mode); });
  if (!read) return "";
  const std::string filled = report.filled_passages == 0
                                 ? "the passages were there"
                                 : grouped(report.filled_passages) + " passages put in in " +
                                       milliseconds(report.fill_seconds);
  return report_line("store",
                     shown_uri(summary.store) + ", " + to_string(summary.codec) + ": " + filled);
}

std::string head_text(const BenchSummary& summary) {
  const BenchReport& report = summary.report;
  const ModelConfig& config = summary.config;
  const BenchWork& work = report.work;
  std::string text = report_line("machine", report.machine.cpu + ", " +
                                                std::to_string(report.machine.logical_cpus) +
                                                " CPUs, LibTorch " + report.machine.libtorch);
  text += report_line("model", summary.model + ": " + config.architecture + ", " +
                                   std::to_string(config.num_hidden_layers) + " layers, hidden " +
                                   std::to_string(config.hidden_size) + ", split at " +
                                   std::to_string(config.split.split_layer) + ", " +
                                   grouped(static_cast<std::size_t>(summary.parameters)) +
                                   " parameters");
  text += report_line("questions", questions_text(summary) + "; on average " +
                                       fixed(work.question_rows, 1) + " + " +
                                       fixed(work.passage_rows, 1) + " rows, " +
                                       fixed(work.windows, 2) + " windows");
  text += report_line("start", "load " + milliseconds(summary.load_seconds) +
                                   "; from the start of the process to the first answer " +
                                   milliseconds(cold_start_seconds(summary)));
  return text + store_line(summary) +
         report_line("measured", std::to_string(report.rounds) + " rounds of " +
                                     std::to_string(report.round_questions) + " questions");
}

void add_speed(Table& table, const std::string& baseline) {
  table.heading("one question at a time");
  table.row("  p50", [](const auto& column) { return milliseconds(column.latency.p50); });
  table.row("  p90", [](const auto& column) { return milliseconds(column.latency.p90); });
  table.row("  p99", [](const auto& column) { return milliseconds(column.latency.p99); });
  table.row("  " + baseline + " takes",
            [](const auto& column) { return ratio_text(column.single.against_baseline); });
  table.heading("in batches");
  table.row("  per question",
            [](const auto& column) { return milliseconds(1 / column.questions_per_second); });
  table.row("  questions/s",
            [](const auto& column) { return fixed(column.questions_per_second, 2); });
  table.row("  joint tokens/s", [](const auto& column) {
    return grouped(static_cast<std::size_t>(column.tokens_per_second));
  });
  table.row("  " + baseline + " takes",
            [](const auto& column) { return ratio_text(column.batch.against_baseline); });
}

void add_stages(Table& table, const BenchReport& report) {
  table.heading("share of the time in batches");
  const std::size_t stages = stage_shares(report.columns.front().batch).size();
  for (std::size_t i = 0; i < stages; ++i) {
    table.row("  " + stage_shares(report.columns.front().batch)[i].name, [i](const auto& column) {
      return fixed(100 * stage_shares(column.batch)[i].share, 1) + " %";
    });
  }
}

void add_work(Table& table) {
  table.heading("arithmetic");
  table.row("  FLOPs a question",
            [](const auto& column) { return fixed(column.flops / 1e9, 2) + " G"; });
  table.row("  GFLOPS in batches",
            [](const auto& column) { return fixed(column.batch.gflops.median, 1); });
  table.row("  plain products",
            [](const auto& column) { return fixed(column.batch.roof_gflops.median, 1); });
  table.row("  share of the roof", [](const auto& column) {
    return fixed(100 * column.batch.share_of_roof.median, 0) + " %";
  });
  table.row("    one at a time", [](const auto& column) {
    return fixed(100 * column.single.share_of_roof.median, 0) + " %";
  });
  table.heading("memory");
  table.row("  peak", [](const auto& column) { return mebibytes(column.peak_bytes); });
}

std::string product_of(const BenchColumnReport& column, std::int64_t rows) {
  const auto found = std::find_if(column.products.begin(), column.products.end(),
                                  [rows](const BenchProduct& each) { return each.rows == rows; });
  return found == column.products.end() ? "-" : found->product;
}

void add_products(Table& table, const BenchReport& report) {
  std::set<std::int64_t> counts;
  for (const BenchColumnReport& column : report.columns) {
    for (const BenchProduct& each : column.products) counts.insert(each.rows);
  }
  table.heading("products by rows");
  for (const std::int64_t rows : counts) {
    table.row("  " + grouped(static_cast<std::size_t>(rows)),
              [rows](const BenchColumnReport& column) { return product_of(column, rows); });
  }
}

std::string reuse_text(const BenchColumnReport& column) {
  std::string text = "\n" + column.name + ": encoding a passage (" + fixed(column.encode->rows, 1) +
                     " rows) takes " + milliseconds(column.encode->seconds.median) + "\n";
  if (!column.reuse) return text;
  std::string counts = "questions a passage   ";
  std::string times = "  time per question   ";
  std::string ratios = "  full takes          ";
  for (const ReusePoint& point : column.reuse->points) {
    counts += right_aligned(std::to_string(point.questions_per_passage), 11);
    times += right_aligned(milliseconds(point.seconds), 11);
    ratios += right_aligned(fixed(column.reuse->full_seconds / point.seconds, 2) + "x", 11);
  }
  text.append(counts).append("\n").append(times).append("\n").append(ratios).append("\n");
  if (!column.reuse->break_even) return text + "never as fast as full\n";
  return text + "as fast as full at " + fixed(*column.reuse->break_even, 2) +
         " questions a passage\n";
}

}  // namespace

double cold_start_seconds(const BenchSummary& summary) {
  return summary.before_load_seconds + summary.load_seconds + summary.report.first_answer_seconds;
}

std::vector<StageShare> stage_shares(const BenchSeries& series) {
  const StageTimes& times = series.stages;
  const double whole = std::max(series.seconds, 1e-12);
  std::vector<StageShare> shares{{"tokenize", times.tokenize / whole},
                                 {"read", times.read / whole},
                                 {"lower", times.lower / whole},
                                 {"upper", times.upper / whole},
                                 {"decode", times.decode / whole}};
  double rest = 1;
  for (const StageShare& stage : shares) rest -= stage.share;
  shares.push_back({"other", std::max(rest, 0.0)});
  return shares;
}

std::string questions_text(const BenchSummary& summary) {
  const BenchWork& work = summary.report.work;
  const std::string all = grouped(work.questions) + " of " + summary.questions;
  return work.asked < work.questions ? all + ", " + grouped(work.asked) + " of them asked" : all;
}

std::string mebibytes(std::uint64_t bytes) {
  return bytes == 0 ? "not known" : grouped(bytes >> 20U) + " MiB";
}

std::string milliseconds(double seconds) {
  const double ms = 1000 * seconds;
  if (ms >= 10000) return fixed(seconds, 1) + " s";
  if (ms >= 100) return fixed(ms, 0) + " ms";
  if (ms >= 10) return fixed(ms, 1) + " ms";
  return fixed(ms, ms >= 1 ? 2 : 3) + " ms";
}

std::string spread_text(const Spread& spread, int decimals) {
  return fixed(spread.median, decimals) + " (" + fixed(spread.low, decimals) + " to " +
         fixed(spread.high, decimals) + ")";
}

std::string ratio_text(const Spread& ratio) {
  return ratio.low == 1 && ratio.high == 1 ? "1x" : spread_text(ratio, 2) + "x";
}

std::string to_table(const BenchSummary& summary) {
  const BenchReport& report = summary.report;
  Table table(report);
  table.row("", [](const auto& column) { return column.name; });
  table.row("runs on", [](const auto& column) {
    return to_string(column.runtime.device) + ", " + to_string(column.runtime.precision) + ", " +
           std::to_string(column.runtime.threads) + " threads";
  });
  add_speed(table, report.columns.front().name);
  add_stages(table, report);
  add_work(table);
  add_products(table, report);
  std::string text = head_text(summary) + "\n" + table.text();
  for (const BenchColumnReport& column : report.columns) {
    if (column.encode) text += reuse_text(column);
  }
  return text;
}

}  // namespace deformer
