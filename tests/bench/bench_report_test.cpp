#include "bench/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "bench/bench_html.h"
#include "bench/paper_report.h"
#include "bench/text_table.h"

namespace deformer {
namespace {

using testing::HasSubstr;
using testing::Not;

BenchColumnReport column_of(std::string name, BenchMode mode) {
  BenchColumnReport column;
  column.name = std::move(name);
  column.mode = mode;
  column.runtime.device = Device::kCpu;
  column.runtime.precision = Precision::kFp32;
  column.runtime.threads = 128;
  column.questions_per_second = 10;
  column.single.seconds_per_question = {0.1};
  column.batch.seconds = 1;
  return column;
}

BenchSummary summary_of(BenchMode second) {
  BenchSummary summary;
  summary.model = "m";
  summary.questions = "dev.json";
  summary.store = "lmdb:bench";
  summary.codec = HiddenCodec::kFp16;
  summary.report.work.questions = 64;
  summary.report.work.asked = 64;
  summary.report.columns = {column_of("full", BenchMode::kFull), column_of("other", second)};
  return summary;
}

PaperRow paper_row(const std::string& model, int split_layer) {
  PaperRow row;
  row.task = {"squad", 27, 293, 1, true};
  row.model = model;
  row.split_layer = split_layer;
  row.full.flops = 2e9;
  row.decomposed.flops = 1e9;
  row.full.memory.requested_bytes = 1'234'567'800'000;
  row.decomposed.memory.requested_bytes = 123'456'700'000;
  return row;
}

TEST(TextTable, KeepsTwoSpacesBetweenColumns) {
  TextTable table(4, 3);
  table.row({"", "one", "two"});
  table.line("a line");
  table.row({"a name", "12", "12345"});
  EXPECT_EQ(table.text(),
            "        one    two\n"
            "a line\n"
            "a name   12  12345\n");
}

TEST(BenchTable, KeepsLongCellsApart) {
  EXPECT_THAT(to_table(summary_of(BenchMode::kCold)),
              HasSubstr("  cpu, fp32, 128 threads  cpu, fp32, 128 threads\n"));
}

TEST(BenchTable, NamesTheStoreWhereAColumnReadsOne) {
  BenchSummary summary = summary_of(BenchMode::kWarm);
  EXPECT_THAT(to_table(summary), HasSubstr("store         lmdb:bench, fp16: the passages were"));
  summary.report.filled_passages = 3;
  EXPECT_THAT(to_table(summary), HasSubstr("lmdb:bench, fp16: 3 passages put in"));
  EXPECT_THAT(to_table(summary_of(BenchMode::kCold)), Not(HasSubstr("lmdb:bench")));
}

TEST(BenchTable, SaysHowManyQuestionsWereAsked) {
  BenchSummary summary = summary_of(BenchMode::kCold);
  EXPECT_THAT(to_table(summary), HasSubstr("64 of dev.json; on average"));
  summary.report.work.asked = 18;
  EXPECT_THAT(to_table(summary), HasSubstr("64 of dev.json, 18 of them asked; on average"));
  EXPECT_THAT(to_html(summary), HasSubstr("64 of dev.json, 18 of them asked; on average"));
  EXPECT_THAT(to_json(summary), HasSubstr("\"asked\":18"));
}

TEST(BenchHtml, SaysThatAPeakIsNotKnown) {
  BenchSummary summary = summary_of(BenchMode::kCold);
  summary.report.columns[1].peak_bytes = 5U << 20U;
  EXPECT_THAT(to_html(summary), HasSubstr("<td>not known</td><td>5 MiB</td>"));
}

TEST(PaperTable, HasNamesAndFiguresInFull) {
  PaperSummary summary;
  summary.rows = {paper_row("bert-base", 9), paper_row("deberta-v3-large", 20)};
  const std::string table = to_table(summary);
  EXPECT_THAT(table, HasSubstr("\nsquad, deberta-v3-large at 20  "));
  EXPECT_THAT(table, HasSubstr("  1234567.8 / 123456.7  "));
  std::istringstream lines(table.substr(table.find("\n\n") + 2));
  std::set<std::size_t> lengths;
  for (std::string line; std::getline(lines, line);) lengths.insert(line.size());
  EXPECT_EQ(lengths.size(), 1u) << table;
}

}  // namespace
}  // namespace deformer
