#include "bench/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "bench/process.h"
#include "deformer/inspect.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;
using testing::Ge;
using testing::Le;

std::shared_ptr<const Model> make_model(int split_layer = 2) {
  return Model::random(test::tiny_model_config({.split_layer = split_layer}),
                       {.runtime = {.threads = 1}});
}

std::vector<BenchColumn> all_modes(const std::shared_ptr<const Model>& model) {
  return {{"full", BenchMode::kFull, model},
          {"cold", BenchMode::kCold, model},
          {"warm", BenchMode::kWarm, model}};
}

BenchReport measure(const std::shared_ptr<const Model>& model, const BenchOptions& options) {
  const auto questions = make_synthetic_questions(*model, {8, 20}, 5, 1);
  return run_benchmark(all_modes(model), questions, options);
}

TEST(Benchmark, MeasuresEveryColumnOnTheSameQuestions) {
  const BenchReport report = measure(make_model(), {.batch_tokens = 84, .min_seconds = 0});
  EXPECT_EQ(report.rounds, 3u);
  EXPECT_EQ(report.round_questions, 3u);  // 84 / (8 + 20)
  EXPECT_EQ(report.work.questions, 5u);
  EXPECT_EQ(report.work.question_rows, 8);
  EXPECT_EQ(report.work.passage_rows, 20);
  EXPECT_EQ(report.filled_passages, 5u);
  EXPECT_GT(report.first_answer_seconds, 0);
  ASSERT_EQ(report.columns.size(), 3u);
  for (const BenchColumnReport& column : report.columns) {
    EXPECT_EQ(column.single.seconds_per_question.size(), 9u);
    EXPECT_EQ(column.batch.seconds_per_question.size(), 3u);
    EXPECT_GT(column.questions_per_second, 0);
    EXPECT_NEAR(column.tokens_per_second / column.questions_per_second, 28, 1e-9);
    EXPECT_GT(column.batch.share_of_roof.median, 0);
    EXPECT_THAT(column.latency.p50, Le(column.latency.p99));
    EXPECT_EQ(column.runtime.threads, 1);
  }
}

TEST(Benchmark, ComparesModesOfOneModel) {
  const auto model = make_model();
  const BenchReport report = measure(model, {.min_seconds = 0});
  const BenchColumnReport& full = report.columns[0];
  const BenchColumnReport& cold = report.columns[1];
  const BenchColumnReport& warm = report.columns[2];
  EXPECT_EQ(full.split_layer, 0);
  EXPECT_EQ(warm.split_layer, 2);
  const FlopsEstimate estimate = estimate_flops(model->config(), {6, 19});
  EXPECT_NEAR(full.flops, estimate.full, 1);
  EXPECT_NEAR(warm.flops, estimate.decomposed, 1);
  EXPECT_NEAR(cold.flops, estimate.decomposed + estimate.encode_passage, 1);
  EXPECT_EQ(full.batch.against_baseline.low, 1);
  EXPECT_EQ(full.batch.against_baseline.high, 1);
  ASSERT_TRUE(warm.encode);
  EXPECT_EQ(warm.encode->rows, 20);
  EXPECT_NEAR(warm.encode->flops, estimate.encode_passage, 1);
  ASSERT_TRUE(warm.reuse);
  EXPECT_EQ(warm.reuse->points.size(), 6u);
  EXPECT_FALSE(full.encode);
  EXPECT_FALSE(cold.reuse);
}

TEST(Benchmark, SpendsItsTimeInTheStagesOfItsMode) {
  const BenchReport report = measure(make_model(), {.min_seconds = 0.05});
  for (const BenchColumnReport& column : report.columns) {
    const StageTimes& stages = column.batch.stages;
    EXPECT_THAT(stages.tokenize + stages.read + stages.lower + stages.upper + stages.decode,
                Le(column.batch.seconds));
    EXPECT_THAT(column.single.seconds + column.batch.seconds, Ge(0.05));
  }
}

TEST(Benchmark, FillsAStoreOnceAndUsesItAgain) {
  const TempDir dir;
  const std::string uri = "lmdb:" + (dir / "store").string();
  const auto model = make_model();
  EXPECT_EQ(measure(model, {.store = uri, .min_seconds = 0}).filled_passages, 5u);
  EXPECT_EQ(measure(model, {.store = uri, .min_seconds = 0}).filled_passages, 0u);
  EXPECT_EQ(open_passage_store(uri, model->fingerprint())->size(), 5u);
}

TEST(Benchmark, MeasuresWithAndWithoutProjectionsSideBySide) {
  const auto model = make_model();
  const std::vector<BenchColumn> columns{{"warm", BenchMode::kWarm, model},
                                         {"projected", BenchMode::kProjected, model}};
  const auto questions = make_synthetic_questions(*model, {8, 20}, 2, 1);
  const BenchReport report = run_benchmark(columns, questions, {.min_seconds = 0});
  EXPECT_EQ(report.filled_passages, 4u);  // a store each
  const BenchColumnReport& warm = report.columns[0];
  const BenchColumnReport& projected = report.columns[1];
  EXPECT_NEAR(warm.flops - projected.flops, projected.encode->flops - warm.encode->flops, 1e-6);
  EXPECT_LT(projected.computed_flops, warm.computed_flops);
}

TEST(Benchmark, KeepsPassagesWithProjectionsApart) {
  const TempDir dir;
  const auto model = make_model();
  const auto questions = make_synthetic_questions(*model, {8, 20}, 2, 1);
  const BenchOptions options{.store = "lmdb:" + (dir / "store").string(), .min_seconds = 0};
  const BenchColumn warm{"warm", BenchMode::kWarm, model};
  const BenchColumn projected{"projected", BenchMode::kProjected, model};
  const auto run = [&](const std::vector<BenchColumn>& columns) {
    return run_benchmark(columns, questions, options).filled_passages;
  };
  expect_error(ErrorCode::kInvalidArgument, "expected one of the modes warm and projected", [&] {
    run({warm, projected});
  });
  EXPECT_EQ(run({warm}), 2u);
  EXPECT_EQ(run({projected}), 2u);
  expect_error(ErrorCode::kInvalidArgument, "expected passages without projections",
               [&] { run({warm}); });
}

// Other passages would be measured than the report says.
TEST(Benchmark, RefusesPassagesOfAnotherCodec) {
  const TempDir dir;
  const auto model = make_model();
  const auto questions = make_synthetic_questions(*model, {8, 20}, 2, 1);
  BenchOptions options{.store = "lmdb:" + (dir / "store").string(), .min_seconds = 0};
  const auto run = [&](BenchMode mode, HiddenCodec codec) {
    options.codec = codec;
    const std::vector<BenchColumn> columns{{"column", mode, model}};
    return run_benchmark(columns, questions, options).filled_passages;
  };
  EXPECT_EQ(run(BenchMode::kWarm, HiddenCodec::kFp32), 2u);
  expect_error(ErrorCode::kInvalidArgument,
               "--codec: expected passages of int8 in " + options.store + ", found some of fp32",
               [&] { run(BenchMode::kWarm, HiddenCodec::kInt8); });
  EXPECT_EQ(run(BenchMode::kWarm, HiddenCodec::kFp32), 0u);
  // Passages without projections are put there anew, whatever their codec was.
  EXPECT_EQ(run(BenchMode::kProjected, HiddenCodec::kInt8), 2u);
  expect_error(ErrorCode::kInvalidArgument, "expected passages of fp32",
               [&] { run(BenchMode::kProjected, HiddenCodec::kFp32); });
}

TEST(Benchmark, LeavesAStoreThatItRefusesAsItWas) {
  const TempDir dir;
  const auto model = make_model();
  const auto questions = make_synthetic_questions(*model, {8, 20}, 4, 1);
  const BenchOptions options{.store = "lmdb:" + (dir / "store").string(), .min_seconds = 0};
  const auto run = [&](BenchMode mode, std::size_t count) {
    const std::vector<BenchColumn> columns{{"column", mode, model}};
    static_cast<void>(run_benchmark(columns, std::span(questions).first(count), options));
  };
  run(BenchMode::kProjected, 2);
  expect_error(ErrorCode::kInvalidArgument, "expected passages without projections",
               [&] { run(BenchMode::kWarm, 4); });
  EXPECT_EQ(open_passage_store(options.store, model->fingerprint())->size(), 2u);
}

TEST(Benchmark, AveragesOverTheQuestionsThatItAsked) {
  const auto model = make_model();
  auto questions = make_synthetic_questions(*model, {8, 20}, 1, 1);
  questions.push_back(make_synthetic_questions(*model, {8, 40}, 1, 2).front());
  const double few = estimate_flops(model->config(), {6, 19}).full;
  const double many = estimate_flops(model->config(), {6, 39}).full;
  const auto run = [&](std::size_t rounds) {
    // A question a round: 28 and 48 rows are 38 on average.
    return run_benchmark(all_modes(model), questions,
                         {.batch_tokens = 38, .min_seconds = 0, .min_rounds = rounds});
  };
  const BenchReport one = run(1);
  EXPECT_EQ(one.work.questions, 2u);
  EXPECT_EQ(one.work.asked, 1u);
  EXPECT_EQ(one.work.passage_rows, 20);
  EXPECT_NEAR(one.columns[0].flops, few, 1);
  EXPECT_LE(one.columns[0].computed_flops, few);
  EXPECT_EQ(one.columns[2].encode->rows, 20);
  const BenchReport three = run(3);
  EXPECT_EQ(three.work.asked, 2u);
  EXPECT_NEAR(three.work.passage_rows, (2 * 20 + 40) / 3.0, 1e-9);
  EXPECT_NEAR(three.columns[0].flops, (2 * few + many) / 3, 1);
}

TEST(Benchmark, MeasuresModelsSideBySide) {
  const auto model = make_model();
  const std::vector<BenchColumn> columns{
      {"warm, split at 2", BenchMode::kWarm, model},
      {"warm, split at 1", BenchMode::kWarm, model->with_split_layer(1)}};
  const auto questions = make_synthetic_questions(*model, {8, 20}, 2, 1);
  const BenchReport report = run_benchmark(columns, questions, {.min_seconds = 0});
  EXPECT_EQ(report.filled_passages, 4u);
  EXPECT_LT(report.columns[0].flops, report.columns[1].flops);
  EXPECT_FALSE(report.columns[1].reuse);  // no full column of that model
}

TEST(Benchmark, KnowsThePeakOfItsMemory) {
  const BenchReport report = measure(make_model(), {.min_seconds = 0});
  if (peak_memory_bytes() == 0) GTEST_SKIP() << "this system does not tell the peak of the memory";
  for (const BenchColumnReport& column : report.columns) EXPECT_GT(column.peak_bytes, 1U << 20U);
}

// 400 passages of 41 rows of 512 values: 32 MiB in the store. The column that reads it comes first,
// and is made ready last.
TEST(Benchmark, CountsNoStoreInThePeakOfColumnsThatReadNone) {
  if (peak_memory_bytes() == 0) GTEST_SKIP() << "this system does not tell the peak of the memory";
  const auto model =
      Model::random(test::tiny_model_config({.layers = 2, .hidden = 512, .split_layer = 1}),
                    {.runtime = {.threads = 1}});
  const auto questions = make_synthetic_questions(*model, {8, 41}, 400, 1);
  const std::vector<BenchColumn> columns{{"warm", BenchMode::kWarm, model},
                                         {"full", BenchMode::kFull, model}};
  const BenchReport report =
      run_benchmark(columns, questions, {.batch_tokens = 256, .min_seconds = 0});
  ASSERT_EQ(report.columns[1].name, "full");
  EXPECT_GT(report.columns[0].peak_bytes, report.columns[1].peak_bytes + (16U << 20U));
}

TEST(Benchmark, TellsHowFarItIs) {
  std::vector<double> done;
  BenchOptions options{.min_seconds = 0.02};
  options.progress = [&](double seconds, double total) {
    EXPECT_EQ(total, 0.02);
    done.push_back(seconds);
  };
  static_cast<void>(measure(make_model(), options));
  ASSERT_FALSE(done.empty());
  EXPECT_EQ(done.back(), 0.02);
}

TEST(Benchmark, RefusesWhatCannotBeMeasured) {
  const auto model = make_model();
  const auto questions = make_synthetic_questions(*model, {8, 20}, 2, 1);
  const auto run = [&](const std::vector<BenchColumn>& columns,
                       std::span<const BenchQuestion> asked) {
    static_cast<void>(run_benchmark(columns, asked, {.min_seconds = 0}));
  };
  expect_error(ErrorCode::kInvalidArgument, "expected at least one column",
               [&] { run({}, questions); });
  expect_error(ErrorCode::kInvalidArgument, "expected at least one question",
               [&] { run(all_modes(model), {}); });
  expect_error(ErrorCode::kInvalidArgument, "mode cold: expected a split layer above 0, found 0",
               [&] { run(all_modes(make_model(0)), questions); });
  expect_error(ErrorCode::kInvalidArgument, "found \"hot\"",
               [] { static_cast<void>(parse_bench_mode("hot")); });
}

TEST(Benchmark, KnowsItsMachine) {
  const BenchMachine machine = describe_machine();
  EXPECT_FALSE(machine.cpu.empty());
  EXPECT_GT(machine.logical_cpus, 0u);
  EXPECT_GT(machine.threads, 0);
  EXPECT_NE(machine.libtorch.find('.'), std::string::npos);
  EXPECT_GE(process_seconds(), 0);
}

}  // namespace
}  // namespace deformer
