// Both reports as JSON objects (docs/cli.md).
#include <nlohmann/json.hpp>
#include <optional>

#include "base/shown_uri.h"
#include "bench/bench_report.h"
#include "bench/paper_report.h"
#include "deformer/runtime.h"

namespace deformer {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& object) {
  // Paths need not be UTF-8.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json machine_json(const BenchMachine& machine) {
  return {{"cpu", machine.cpu},
          {"logical_cpus", machine.logical_cpus},
          {"libtorch", machine.libtorch},
          {"deformer", version()}};
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
  object["time_ratio"] = spread_json(row.speedup);
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

std::string to_json(const BenchSummary& summary) {
  const BenchReport& report = summary.report;
  Json object;
  object["machine"] = machine_json(report.machine);
  object["model"] = {{"name", summary.model},
                     {"architecture", summary.config.architecture},
                     {"num_hidden_layers", summary.config.num_hidden_layers},
                     {"hidden_size", summary.config.hidden_size},
                     {"split_layer", summary.config.split.split_layer},
                     {"parameters", summary.parameters}};
  object["work"] = {{"source", summary.questions},
                    {"seed", summary.seed},
                    {"questions", report.work.questions},
                    {"asked", report.work.asked},
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
  return line_of(object);
}

std::string to_json(const PaperSummary& summary) {
  Json object;
  object["machine"] = machine_json(summary.machine);
  object["threads"] = summary.threads;
  object["seed"] = summary.seed;
  object["rows"] = Json::array();
  for (const PaperRow& row : summary.rows) object["rows"].push_back(row_json(row));
  return line_of(object);
}

}  // namespace deformer
