#include "bench/bench_html.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "base/number_text.h"
#include "base/shown_uri.h"
#include "bench/svg_chart.h"
#include "deformer/runtime.h"

namespace deformer {
namespace {

using Anchor = Svg::Anchor;
using Point = Svg::Point;

constexpr double kWidth = 760;
constexpr double kRowHeight = 30;
constexpr double kBarHeight = 18;

// The plane of a chart with axes: data to picture coordinates.
struct Plane {
  Svg::Box box;
  double most_x = 1;
  double most_y = 1;

  [[nodiscard]] double x(double value) const { return box.x + box.width * value / most_x; }
  [[nodiscard]] double y(double value) const { return box.y + box.height * (1 - value / most_y); }
  [[nodiscard]] double bottom() const { return box.y + box.height; }
  [[nodiscard]] double end() const { return box.x + box.width; }
};

std::string axis_number(double value, double step) {
  const int decimals = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  return fixed(value, decimals);
}

void draw_y_axis(Svg& svg, const Plane& plane, const std::vector<double>& ticks,
                 const std::string& unit) {
  for (const double tick : ticks) {
    svg.line({plane.box.x, plane.y(tick)}, {plane.end(), plane.y(tick)},
             tick == 0 ? "axis" : "grid");
    svg.text({plane.box.x - 8, plane.y(tick) + 4}, Anchor::kEnd, axis_number(tick, ticks[1]),
             "tick");
  }
  svg.text({plane.box.x - 8, plane.box.y - 12}, Anchor::kStart, unit, "tick");
}

// Small squares with names, in a row from the left.
void draw_legend(Svg& svg, const std::vector<std::string>& names, std::string_view kind, double y) {
  constexpr double kSwatch = 12;
  constexpr double kLetter = 7.5;
  double x = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    svg.rect({x, y - kSwatch + 1, kSwatch, kSwatch}, color_class(kind, i), "");
    svg.text({x + kSwatch + 6, y}, Anchor::kStart, names[i]);
    x += kSwatch + 26 + kLetter * static_cast<double>(names[i].size());
  }
}

std::vector<std::string> column_names(const BenchReport& report) {
  std::vector<std::string> names;
  for (const BenchColumnReport& column : report.columns) names.push_back(column.name);
  return names;
}

std::string section(const std::string& title, const std::string& text, const std::string& content) {
  return "<h2>" + escape_xml(title) + "</h2>\n<p>" + escape_xml(text) + "</p>\n" + content;
}

// ---- Reuse

std::size_t index_of_full(const BenchReport& report) {
  const auto full =
      std::find_if(report.columns.begin(), report.columns.end(),
                   [](const auto& column) { return column.mode == BenchMode::kFull; });
  return static_cast<std::size_t>(full - report.columns.begin());
}

void draw_break_even(Svg& svg, const Plane& plane, const ReuseCurve& curve) {
  const double most = curve.points.back().questions_per_passage;
  if (!curve.break_even || *curve.break_even < 1 || *curve.break_even > most) return;
  const double x = plane.x(std::log2(*curve.break_even));
  svg.line({x, plane.box.y}, {x, plane.bottom()}, "mark");
  svg.text({x + 6, plane.bottom() - 8}, Anchor::kStart,
           "as fast at " + fixed(*curve.break_even, 1) + " questions", "tick");
}

std::string reuse_svg(const BenchReport& report, const BenchColumnReport& warm,
                      std::size_t warm_index) {
  const ReuseCurve& curve = *warm.reuse;
  const double most_ms = 1000 * std::max(curve.full_seconds, curve.points.front().seconds);
  const std::vector<double> ticks = axis_ticks(most_ms);
  const Plane plane{
      {70, 30, 560, 230}, std::log2(curve.points.back().questions_per_passage), ticks.back()};
  Svg svg(kWidth, 310, "Time per question against questions per passage");
  draw_y_axis(svg, plane, ticks, "ms per question");
  std::vector<Point> points;
  for (const ReusePoint& point : curve.points) {
    const double x = plane.x(std::log2(point.questions_per_passage));
    points.push_back({x, plane.y(1000 * point.seconds)});
    svg.text({x, plane.bottom() + 18}, Anchor::kMiddle, std::to_string(point.questions_per_passage),
             "tick");
  }
  svg.text({plane.box.x + plane.box.width / 2, plane.bottom() + 38}, Anchor::kMiddle,
           "questions per passage", "tick");
  const double full = plane.y(1000 * curve.full_seconds);
  draw_break_even(svg, plane, curve);
  svg.polyline({{plane.box.x, full}, {plane.end(), full}},
               color_class("series", index_of_full(report)));
  svg.polyline(points, color_class("series", warm_index));
  for (std::size_t i = 0; i < points.size(); ++i) {
    svg.circle(points[i], 4, color_class("series", warm_index),
               std::to_string(curve.points[i].questions_per_passage) +
                   " questions: " + milliseconds(curve.points[i].seconds) + " each");
  }
  // The two labels keep a line's height between them.
  const double shift = std::abs(full - points.back().y) < 18 ? 14 : 0;
  const bool full_above = full <= points.back().y;
  svg.text({plane.end() + 10, full + 4 + (full_above ? -shift : shift)}, Anchor::kStart,
           "full " + milliseconds(curve.full_seconds));
  svg.text({plane.end() + 10, points.back().y + 4}, Anchor::kStart,
           warm.name + " " + milliseconds(curve.points.back().seconds));
  return svg.finish();
}

std::string reuse_sections(const BenchReport& report) {
  std::string html;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    const BenchColumnReport& column = report.columns[i];
    if (!column.reuse) continue;
    html += section("Reuse",
                    "A passage is encoded once (" + milliseconds(column.encode->seconds.median) +
                        ") and asked several questions: encode / questions + " + column.name +
                        ", against all layers for every question.",
                    reuse_svg(report, column, i));
  }
  return html;
}

// ---- Stages

std::string stages_svg(const BenchReport& report) {
  double most_ms = 0;
  for (const BenchColumnReport& column : report.columns) {
    most_ms = std::max(most_ms, 1000 / column.questions_per_second);
  }
  std::vector<std::string> stage_names;
  for (const StageShare& stage : stage_shares(report.columns.front().batch)) {
    stage_names.push_back(stage.name);
  }
  const auto rows = static_cast<double>(report.columns.size());
  const Plane plane{{130, 40, 520, kRowHeight * rows}, most_ms, 1};
  Svg svg(kWidth, plane.bottom() + 10, "Time per question by stage");
  draw_legend(svg, stage_names, "stage", 16);
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    const BenchColumnReport& column = report.columns[i];
    const double ms = 1000 / column.questions_per_second;
    const double top = plane.box.y + kRowHeight * static_cast<double>(i);
    svg.text({plane.box.x - 10, top + 14}, Anchor::kEnd, column.name);
    double done = 0;
    const std::vector<StageShare> shares = stage_shares(column.batch);
    for (std::size_t stage = 0; stage < shares.size(); ++stage) {
      const double part = shares[stage].share * ms;
      // A gap between neighbours, where there is room for one.
      const double width = plane.x(part) - plane.box.x;
      svg.rect({plane.x(done), top, width > 3 ? width - 1.5 : width, kBarHeight},
               color_class("stage", stage),
               shares[stage].name + " " + milliseconds(part / 1000) + ", " +
                   fixed(100 * shares[stage].share, 1) + " %");
      done += part;
    }
    svg.text({plane.x(ms) + 8, top + 14}, Anchor::kStart, milliseconds(ms / 1000));
  }
  return svg.finish();
}

// ---- Latency

// A step for each question: the share answered within that time.
std::vector<Point> distribution(const Plane& plane, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  std::vector<Point> points;
  const auto count = static_cast<double>(seconds.size());
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    const double x = plane.x(1000 * seconds[i]);
    points.push_back({x, plane.y(100 * static_cast<double>(i) / count)});
    points.push_back({x, plane.y(100 * static_cast<double>(i + 1) / count)});
  }
  return points;
}

std::string latency_svg(const BenchReport& report) {
  double most_ms = 0;
  for (const BenchColumnReport& column : report.columns) {
    for (const double seconds : column.single.seconds_per_question) {
      most_ms = std::max(most_ms, 1000 * seconds);
    }
  }
  const std::vector<double> ticks = axis_ticks(most_ms);
  const Plane plane{{70, 60, 620, 220}, ticks.back(), 100};
  Svg svg(kWidth, 330, "Share of the questions answered within a time");
  draw_legend(svg, column_names(report), "series", 16);
  draw_y_axis(svg, plane, {0, 25, 50, 75, 100}, "% of the questions");
  for (const double tick : ticks) {
    svg.text({plane.x(tick), plane.bottom() + 18}, Anchor::kMiddle, axis_number(tick, ticks[1]),
             "tick");
  }
  svg.text({plane.box.x + plane.box.width / 2, plane.bottom() + 38}, Anchor::kMiddle,
           "ms, one question at a time", "tick");
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    const BenchColumnReport& column = report.columns[i];
    svg.polyline(distribution(plane, column.single.seconds_per_question), color_class("series", i));
    svg.circle({plane.x(1000 * column.latency.p50), plane.y(50)}, 4, color_class("series", i),
               column.name + ": half of the questions within " + milliseconds(column.latency.p50));
  }
  return svg.finish();
}

// ---- Tables

std::string table_row(const std::vector<std::string>& cells, const std::string& tag) {
  std::string row = "<tr>";
  for (const std::string& cell : cells) {
    row.append("<").append(tag).append(">").append(escape_xml(cell));
    row.append("</").append(tag).append(">");
  }
  return row + "</tr>\n";
}

std::string figures_table(const BenchReport& report) {
  using Cell = std::function<std::string(const BenchColumnReport&)>;
  const std::vector<std::pair<std::string, Cell>> rows{
      {"p50, one at a time", [](const auto& c) { return milliseconds(c.latency.p50); }},
      {"p90", [](const auto& c) { return milliseconds(c.latency.p90); }},
      {"p99", [](const auto& c) { return milliseconds(c.latency.p99); }},
      {"per question in batches",
       [](const auto& c) { return milliseconds(1 / c.questions_per_second); }},
      {"questions/s", [](const auto& c) { return fixed(c.questions_per_second, 2); }},
      {"joint tokens/s",
       [](const auto& c) { return grouped(static_cast<std::size_t>(c.tokens_per_second)); }},
      {"the first column takes, in batches",
       [](const auto& c) { return ratio_text(c.batch.against_baseline); }},
      {"GFLOPs a question", [](const auto& c) { return fixed(c.flops / 1e9, 2); }},
      {"share of the roof, in batches",
       [](const auto& c) { return fixed(100 * c.batch.share_of_roof.median, 0) + " %"; }},
      {"peak memory", [](const auto& c) { return mebibytes(c.peak_bytes); }}};
  std::vector<std::string> head{""};
  for (const std::string& name : column_names(report)) head.push_back(name);
  std::string table = "<div class=\"wide\"><table>\n" + table_row(head, "th");
  for (const auto& [name, cell] : rows) {
    std::vector<std::string> cells{name};
    for (const BenchColumnReport& column : report.columns) cells.push_back(cell(column));
    table += table_row(cells, "td");
  }
  return table + "</table></div>\n";
}

std::string facts(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string list = "<dl>\n";
  for (const auto& [name, value] : entries) {
    list += "<dt>" + escape_xml(name) + "</dt><dd>" + escape_xml(value) + "</dd>\n";
  }
  return list + "</dl>\n";
}

std::string machine_text(const BenchMachine& machine) {
  return machine.cpu + ", " + std::to_string(machine.logical_cpus) + " CPUs, LibTorch " +
         machine.libtorch + ", deformer " + version();
}

// ---- The paper

std::string paper_svg(const PaperSummary& summary) {
  double most = 1;
  for (const PaperRow& row : summary.rows) {
    most = std::max({most, flops_ratio(row), row.speedup.median, row.paper.speedup.value_or(0)});
  }
  constexpr double kThin = 14;
  constexpr double kGroup = 3 * (kThin + 2) + 14;
  const Plane plane{{170, 40, 500, kGroup * static_cast<double>(summary.rows.size())}, most, 1};
  Svg svg(kWidth, plane.bottom() + 6, "How many times less the decomposed model takes");
  draw_legend(svg, {"FLOPs, counted", "the paper's figure", "time, measured"}, "series", 16);
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    const PaperRow& row = summary.rows[i];
    double top = plane.box.y + kGroup * static_cast<double>(i);
    svg.text({plane.box.x - 10, top + 28}, Anchor::kEnd, row.task.name + ", " + row.model);
    const std::array<std::optional<double>, 3> values{flops_ratio(row), row.paper.speedup,
                                                      row.speedup.median};
    for (std::size_t bar = 0; bar < values.size(); ++bar, top += kThin + 2) {
      if (!values[bar]) continue;
      svg.rect({plane.box.x, top, plane.x(*values[bar]) - plane.box.x, kThin},
               color_class("series", bar), fixed(*values[bar], 2) + "x");
      svg.text({plane.x(*values[bar]) + 6, top + 11}, Anchor::kStart, fixed(*values[bar], 2) + "x",
               "tick");
    }
  }
  return svg.finish();
}

std::string paper_table(const PaperSummary& summary) {
  const auto or_dash = [](const std::optional<double>& value) {
    return value ? fixed(*value, 1) : "-";
  };
  std::string table = "<div class=\"wide\"><table>\n" +
                      table_row({"task, model", "rows", "GFLOPs full", "decomposed", "time full",
                                 "decomposed", "memory less", "paper"},
                                "th");
  for (const PaperRow& row : summary.rows) {
    table += table_row(
        {row.task.name + ", " + row.model,
         std::to_string(row.task.fresh_rows) + " + " + std::to_string(row.task.cached_rows) +
             (row.task.inputs > 1 ? " x " + std::to_string(row.task.inputs) : ""),
         fixed(row.full.flops / 1e9, 1), fixed(row.decomposed.flops / 1e9, 1),
         milliseconds(row.full.seconds), milliseconds(row.decomposed.seconds),
         fixed(memory_cut_percent(row), 1) + " %", or_dash(row.paper.memory_cut_percent)},
        "td");
  }
  return table + "</table></div>\n";
}

}  // namespace

std::string to_html(const BenchSummary& summary) {
  const BenchReport& report = summary.report;
  const BenchWork& work = report.work;
  std::string body = facts(
      {{"machine", machine_text(report.machine)},
       {"model", summary.model + ", " + std::to_string(summary.config.num_hidden_layers) +
                     " layers, split at " + std::to_string(summary.config.split.split_layer)},
       {"questions", questions_text(summary) + "; on average " + fixed(work.question_rows, 1) +
                         " + " + fixed(work.passage_rows, 1) + " rows"},
       {"store", shown_uri(summary.store) + ", " + to_string(summary.codec)},
       {"start", "load " + milliseconds(summary.load_seconds) + ", first answer after " +
                     milliseconds(cold_start_seconds(summary))},
       {"measured", std::to_string(report.rounds) + " rounds of " +
                        std::to_string(report.round_questions) + " questions"}});
  body += reuse_sections(report);
  body += section("Stages", "Time of a question in batches, by what it was spent on.",
                  stages_svg(report));
  body +=
      section("Latency", "Each question by itself; the dot is the median.", latency_svg(report));
  body += section("Figures", "docs/performance.md says what each of them means.",
                  figures_table(report));
  return html_page("deformer bench: " + summary.model, body);
}

std::string to_html(const PaperSummary& summary) {
  std::string body = facts({{"machine", machine_text(summary.machine)},
                            {"threads", std::to_string(summary.threads)},
                            {"weights", "random, fp32"}});
  body += section("Full over decomposed",
                  "The paper's figure is a ratio of FLOPs; times are of one input, its cached side "
                  "given.",
                  paper_svg(summary));
  body +=
      section("Figures", "docs/performance.md says what each of them means.", paper_table(summary));
  return html_page("deformer bench: the paper's tasks", body);
}

}  // namespace deformer
