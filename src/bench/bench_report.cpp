#include "bench/bench_report.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/number_text.h"
#include "base/shown_uri.h"
#include "base/table_text.h"
#include "deformer/runtime.h"

namespace deformer {
namespace {

constexpr std::size_t kNameWidth = 22;
constexpr std::size_t kCellWidth = 22;

using Json = nlohmann::ordered_json;
using Cell = std::function<std::string(const BenchColumnReport&)>;

class Table {
 public:
  explicit Table(const BenchReport& report) : report_(report) {}

  void heading(const std::string& name) { text_ += "\n" + name + "\n"; }
  void row(std::string name, const Cell& cell) {
    name.resize(kNameWidth, ' ');
    text_ += name;
    for (const BenchColumnReport& column : report_.columns) {
      text_ += right_aligned(cell(column), kCellWidth);
    }
    text_ += "\n";
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const BenchReport& report_;
  std::string text_;
};

std::string mebibytes(std::uint64_t bytes) {
  return bytes == 0 ? "not known" : grouped(bytes >> 20U) + " MiB";
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
  text += report_line("questions", grouped(work.questions) + " of " + summary.questions +
                                       "; on average " + fixed(work.question_rows, 1) + " + " +
                                       fixed(work.passage_rows, 1) + " rows, " +
                                       fixed(work.windows, 2) + " windows");
  text += report_line("start", "load " + milliseconds(summary.load_seconds) +
                                   "; from the start of the process to the first answer " +
                                   milliseconds(cold_start_seconds(summary)));
  if (report.filled_passages > 0) {
    text += report_line("store", shown_uri(summary.store) + ", " + to_string(summary.codec) + ": " +
                                     grouped(report.filled_passages) + " passages put in in " +
                                     milliseconds(report.fill_seconds));
  }
  return text + report_line("measured", std::to_string(report.rounds) + " rounds of " +
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

Json spread_json(const Spread& spread) {
  return {{"median", spread.median}, {"low", spread.low}, {"high", spread.high}};
}

Json series_json(const BenchSeries& series) {
  Json object;
  object["seconds"] = series.seconds;
  Json shares;
  for (const StageShare& stage : stage_shares(series)) shares[stage.name] = stage.share;
  object["stages"] = shares;
  object["gflops"] = spread_json(series.gflops);
  object["roof_gflops"] = spread_json(series.roof_gflops);
  object["share_of_roof"] = spread_json(series.share_of_roof);
  object["against_first_column"] = spread_json(series.against_baseline);
  object["seconds_per_question"] = series.seconds_per_question;
  return object;
}

Json reuse_json(const ReuseCurve& curve) {
  Json object{{"full_seconds", curve.full_seconds},
              {"warm_seconds", curve.warm_seconds},
              {"encode_seconds", curve.encode_seconds}};
  object["points"] = Json::array();
  for (const ReusePoint& point : curve.points) {
    object["points"].push_back(
        {{"questions_per_passage", point.questions_per_passage}, {"seconds", point.seconds}});
  }
  object["break_even"] = curve.break_even ? Json(*curve.break_even) : Json(nullptr);
  return object;
}

Json column_json(const BenchColumnReport& column) {
  Json object{{"name", column.name},
              {"mode", to_string(column.mode)},
              {"split_layer", column.split_layer},
              {"device", to_string(column.runtime.device)},
              {"precision", to_string(column.runtime.precision)},
              {"weights", to_string(column.runtime.weights)},
              {"threads", column.runtime.threads},
              {"flops", column.flops},
              {"computed_flops", column.computed_flops}};
  object["latency"] = {{"mean", column.latency.mean},
                       {"p50", column.latency.p50},
                       {"p90", column.latency.p90},
                       {"p99", column.latency.p99}};
  object["questions_per_second"] = column.questions_per_second;
  object["tokens_per_second"] = column.tokens_per_second;
  object["products"] = Json::array();
  for (const BenchProduct& each : column.products) {
    object["products"].push_back({{"rows", each.rows}, {"product", each.product}});
  }
  object["peak_bytes"] = column.peak_bytes;
  object["single"] = series_json(column.single);
  object["batch"] = series_json(column.batch);
  if (column.encode) {
    object["encode"] = {{"seconds", spread_json(column.encode->seconds)},
                        {"rows", column.encode->rows},
                        {"flops", column.encode->flops}};
  }
  if (column.reuse) object["reuse"] = reuse_json(*column.reuse);
  return object;
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

std::string to_json(const BenchSummary& summary) {
  const BenchReport& report = summary.report;
  Json object;
  object["machine"] = {{"cpu", report.machine.cpu},
                       {"logical_cpus", report.machine.logical_cpus},
                       {"libtorch", report.machine.libtorch},
                       {"deformer", version()}};
  object["model"] = {{"name", summary.model},
                     {"architecture", summary.config.architecture},
                     {"num_hidden_layers", summary.config.num_hidden_layers},
                     {"hidden_size", summary.config.hidden_size},
                     {"split_layer", summary.config.split.split_layer},
                     {"parameters", summary.parameters}};
  object["work"] = {{"source", summary.questions},
                    {"seed", summary.seed},
                    {"questions", report.work.questions},
                    {"question_rows", report.work.question_rows},
                    {"passage_rows", report.work.passage_rows},
                    {"windows", report.work.windows},
                    {"batch_tokens", summary.batch_tokens}};
  object["rounds"] = report.rounds;
  object["round_questions"] = report.round_questions;
  object["start"] = {{"before_load_seconds", summary.before_load_seconds},
                     {"load_seconds", summary.load_seconds},
                     {"first_answer_seconds", report.first_answer_seconds},
                     {"cold_start_seconds", cold_start_seconds(summary)}};
  object["store"] = {{"uri", shown_uri(summary.store)},
                     {"codec", to_string(summary.codec)},
                     {"filled_passages", report.filled_passages},
                     {"fill_seconds", report.fill_seconds}};
  object["columns"] = Json::array();
  for (const BenchColumnReport& column : report.columns) {
    object["columns"].push_back(column_json(column));
  }
  // Paths need not be UTF-8.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace deformer
