#include "bench/paper_benchmark.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "bench/paper_run.h"
#include "deformer/inspect.h"
#include "deformer/model_config.h"
#include "support/expect_error.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using test::expect_error;

PaperTask task(const std::string& name) {
  const std::vector<PaperTask> tasks = paper_tasks();
  return *std::find_if(tasks.begin(), tasks.end(),
                       [&](const PaperTask& each) { return each.name == name; });
}

double flops_ratio(const std::string& task_name, const std::string& model) {
  const PaperTask each = task(task_name);
  // BERT: [CLS], [SEP] and [SEP]; XLNet has as many.
  const FlopsEstimate flops =
      estimate_flops(published_model_config(model), {each.fresh_rows - 2, each.cached_rows - 1});
  return flops.full / flops.decomposed;
}

// Where products explain the paper's ratio (docs/performance.md): all of BERT's but QQP's.
TEST(PaperTasks, HaveTheLengthsThatGiveThePapersRatios) {
  for (const char* name : {"squad", "boolq", "race", "mnli"}) {
    EXPECT_NEAR(flops_ratio(name, "bert-base"), *paper_figures(name, "bert-base").speedup, 0.05)
        << name;
  }
  EXPECT_NEAR(flops_ratio("squad", "bert-large"), *paper_figures("squad", "bert-large").speedup,
              0.05);
  EXPECT_NEAR(flops_ratio("squad", "xlnet-base"), 2.6, 0.05);  // printed: 2.7
  EXPECT_NEAR(flops_ratio("qqp", "bert-base"), 1.8, 0.05);     // printed: 2.0
}

TEST(PaperFigures, AreAbsentWhereThePaperHasNone) {
  EXPECT_FALSE(paper_figures("mnli", "xlnet-base").speedup);
  EXPECT_FALSE(paper_figures("boolq", "bert-base").full_gflops);
  EXPECT_FALSE(paper_figures("squad", "bert-base").decomposed_gflops);
  EXPECT_EQ(paper_figures("squad", "bert-large").full_megabytes, 1549.6);
}

// Rows of RACE's shape on a tiny model: four inputs share the cached side.
TEST(PaperRun, MeasuresBothSidesOfATask) {
  for (const std::string architecture : {"bert", "xlnet", "mpnet"}) {
    const auto model = Model::random(test::tiny_model_config({.architecture = architecture}));
    const PaperTask small{"small", 9, 30, 4, false};
    const PaperRow row = run_paper_task(*model, small, {.min_seconds = 0});
    const FlopsEstimate one = estimate_flops(model->config(), {7, 29});
    EXPECT_DOUBLE_EQ(row.full.flops, 4 * one.full);
    EXPECT_DOUBLE_EQ(row.decomposed.flops, 4 * one.decomposed);
    EXPECT_EQ(row.rounds, 3u);
    EXPECT_GT(row.full.seconds, 0);
    EXPECT_GT(row.decomposed.memory.peak_bytes, 0u);
    EXPECT_LT(row.decomposed.memory.requested_bytes, row.full.memory.requested_bytes);
    EXPECT_LT(row.full.memory.peak_bytes, row.full.memory.requested_bytes);
  }
}

TEST(PaperBenchmark, TakesTheTasksAndModelsAskedFor) {
  std::vector<std::string> names;
  PaperOptions options{.tasks = {"qqp", "mnli"}, .models = {"minilm-l6"}, .min_seconds = 0};
  options.progress = [&](std::size_t done, std::size_t total, const std::string& name) {
    EXPECT_EQ(done, names.size());
    EXPECT_EQ(total, 2u);
    names.push_back(name);
  };
  const std::vector<PaperRow> rows = run_paper_benchmark(options);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].task.name, "mnli");  // the paper's order
  EXPECT_EQ(rows[1].model, "minilm-l6");
  EXPECT_EQ(rows[0].split_layer, 4);
  EXPECT_EQ(names.front(), "minilm-l6 mnli");
}

TEST(PaperBenchmark, RefusesUnknownNamesBeforeItStarts) {
  expect_error(ErrorCode::kInvalidArgument, "squad, boolq, race, mnli, qqp, found \"hotpot\"",
               [] { static_cast<void>(run_paper_benchmark({.tasks = {"hotpot"}})); });
  expect_error(ErrorCode::kInvalidArgument, "found \"gpt\"",
               [] { static_cast<void>(run_paper_benchmark({.models = {"gpt"}})); });
}

}  // namespace
}  // namespace deformer
