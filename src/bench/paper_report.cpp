#include "bench/paper_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/number_text.h"
#include "base/table_text.h"
#include "bench/bench_report.h"
#include "deformer/runtime.h"

namespace deformer {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMegabyte = 1e6;

std::string or_dash(const std::optional<double>& value, int decimals) {
  return value ? fixed(*value, decimals) : "-";
}

std::string megabytes(std::uint64_t bytes) {
  return fixed(static_cast<double>(bytes) / kMegabyte, 1);
}

std::string row_name(const PaperRow& row) {
  std::string name = row.task.name + ", " + row.model + " at " + std::to_string(row.split_layer);
  name.resize(26, ' ');
  std::string rows = std::to_string(row.task.fresh_rows) + " + " +
                     std::to_string(row.task.cached_rows) +
                     (row.task.inputs > 1 ? " x " + std::to_string(row.task.inputs) : "");
  rows.resize(14, ' ');
  return name + rows;
}

std::string heading() {
  return std::string(26, ' ') + "rows          " + right_aligned("GFLOPs", 14) +
         right_aligned("fewer", 7) + right_aligned("paper", 7) + right_aligned("MB requested", 16) +
         right_aligned("less", 8) + right_aligned("paper", 8) + right_aligned("time", 20) +
         right_aligned("faster", 22) + "\n";
}

std::string table_row(const PaperRow& row) {
  const std::string flops =
      fixed(row.full.flops / 1e9, 1) + " / " + fixed(row.decomposed.flops / 1e9, 1);
  const std::string memory = megabytes(row.full.memory.requested_bytes) + " / " +
                             megabytes(row.decomposed.memory.requested_bytes);
  const std::string times =
      milliseconds(row.full.seconds) + " / " + milliseconds(row.decomposed.seconds);
  return row_name(row) + right_aligned(flops, 14) + right_aligned(fixed(flops_ratio(row), 2), 7) +
         right_aligned(or_dash(row.paper.speedup, 1), 7) + right_aligned(memory, 16) +
         right_aligned(fixed(memory_cut_percent(row), 1) + " %", 8) +
         right_aligned(or_dash(row.paper.memory_cut_percent, 1), 8) + right_aligned(times, 20) +
         right_aligned(spread_text(row.speedup, 2), 22) + "\n";
}

// Table 3, where the paper prints absolute figures.
std::string absolute_row(const PaperRow& row) {
  return row_name(row) + "GFLOPs " + or_dash(row.paper.full_gflops, 1) + " / " +
         or_dash(row.paper.decomposed_gflops, 1) + ", MB " + or_dash(row.paper.full_megabytes, 1) +
         " / " + or_dash(row.paper.decomposed_megabytes, 1) + "\n";
}

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json side_json(const PaperSide& side) {
  return {{"flops", side.flops},
          {"seconds", side.seconds},
          {"requested_bytes", side.memory.requested_bytes},
          {"peak_bytes", side.memory.peak_bytes}};
}

Json row_json(const PaperRow& row) {
  Json object{{"task", row.task.name},
              {"model", row.model},
              {"split_layer", row.split_layer},
              {"fresh_rows", row.task.fresh_rows},
              {"cached_rows", row.task.cached_rows},
              {"inputs", row.task.inputs}};
  object["full"] = side_json(row.full);
  object["decomposed"] = side_json(row.decomposed);
  object["flops_ratio"] = flops_ratio(row);
  object["memory_cut_percent"] = memory_cut_percent(row);
  object["time_ratio"] = {
      {"median", row.speedup.median}, {"low", row.speedup.low}, {"high", row.speedup.high}};
  object["rounds"] = row.rounds;
  object["paper"] = {{"speedup", number_or_null(row.paper.speedup)},
                     {"memory_cut_percent", number_or_null(row.paper.memory_cut_percent)},
                     {"full_gflops", number_or_null(row.paper.full_gflops)},
                     {"decomposed_gflops", number_or_null(row.paper.decomposed_gflops)},
                     {"full_megabytes", number_or_null(row.paper.full_megabytes)},
                     {"decomposed_megabytes", number_or_null(row.paper.decomposed_megabytes)}};
  return object;
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
                     "the rows cached\n\n" +
                     heading();
  for (const PaperRow& row : summary.rows) text += table_row(row);
  std::string absolute;
  for (const PaperRow& row : summary.rows) {
    if (row.paper.full_gflops) absolute += absolute_row(row);
  }
  if (absolute.empty()) return text;
  return text + "\nThe paper's own figures (table 3), full / decomposed\n" + absolute;
}

std::string to_json(const PaperSummary& summary) {
  Json object;
  object["machine"] = {{"cpu", summary.machine.cpu},
                       {"logical_cpus", summary.machine.logical_cpus},
                       {"libtorch", summary.machine.libtorch},
                       {"deformer", version()}};
  object["threads"] = summary.threads;
  object["seed"] = summary.seed;
  object["rows"] = Json::array();
  for (const PaperRow& row : summary.rows) object["rows"].push_back(row_json(row));
  return object.dump() + "\n";
}

}  // namespace deformer
