// deformer bench, as a program. No time is expected: what must hold of any run.
#include <cstdlib>

#include "cli/cli_fixture.h"
#include "support/well_formed.h"

namespace deformer::test {
namespace {

using testing::Ge;
using testing::HasSubstr;
using testing::Le;

class CmdBench : public CliTest {
 protected:
  CmdBench() { ::setenv("OMP_NUM_THREADS", "1", 1); }

  [[nodiscard]] static std::vector<std::string> arguments(const std::vector<std::string>& more) {
    std::vector<std::string> all{"bench", "--min-seconds", "0.05", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  [[nodiscard]] static Json measure(const std::vector<std::string>& more) {
    std::vector<std::string> all = arguments(more);
    all.emplace_back("--json");
    return Json::parse(run_ok(all));
  }

  static void expect_sound(const Json& series) {
    double sum = 0;
    for (const auto& [stage, share] : series.at("stages").items()) {
      EXPECT_THAT(share.get<double>(), testing::AllOf(Ge(0), Le(1))) << stage;
      sum += share.get<double>();
    }
    EXPECT_NEAR(sum, 1, 1e-6);
    EXPECT_GT(series.at("seconds"), 0);
    EXPECT_GT(series.at("gflops").at("median"), 0);
    for (const char* name : {"gflops", "roof_gflops", "share_of_roof", "against_first_column"}) {
      const Json& spread = series.at(name);
      EXPECT_LE(spread.at("low"), spread.at("median")) << name;
      EXPECT_LE(spread.at("median"), spread.at("high")) << name;
    }
  }

  static void expect_page(const std::string& page) {
    EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
    EXPECT_EQ(xml_problem(page), "");
    EXPECT_THAT(page, HasSubstr("<svg"));
    EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
    for (const char* bad : {"<script", "src=", "href=", "url(", "@import", "nan", "inf\""}) {
      EXPECT_EQ(page.find(bad), std::string::npos) << bad;
    }
  }
};

TEST_F(CmdBench, MeasuresAModelOnRandomTextsOfGivenLengths) {
  const Json report = measure({"--model", write_model(), "--lengths", "14,41", "--passages", "4"});
  EXPECT_EQ(report["work"]["questions"], 4);
  EXPECT_EQ(report["work"]["question_rows"], 14);
  EXPECT_EQ(report["work"]["passage_rows"], 41);
  EXPECT_EQ(report["model"]["split_layer"], 2);
  EXPECT_FALSE(report["machine"]["cpu"].get<std::string>().empty());
  EXPECT_GE(report["rounds"], 3);
  EXPECT_GT(report["start"]["load_seconds"], 0);
  EXPECT_GE(report["start"]["cold_start_seconds"], report["start"]["load_seconds"]);
  ASSERT_EQ(report["columns"].size(), 3);
  for (const Json& column : report["columns"]) {
    expect_sound(column["single"]);
    expect_sound(column["batch"]);
    EXPECT_LE(column["computed_flops"], column["flops"]);
    EXPECT_LE(column["latency"]["p50"], column["latency"]["p99"]);
    EXPECT_EQ(column["threads"], 1);
    EXPECT_EQ(column["weights"], "fp32");
    ASSERT_FALSE(column["products"].empty());
    for (const Json& product : column["products"]) {
      const bool few = product["rows"].get<int>() <= 192;  // DEFORMER_PRODUCT, as ctest sets it
      EXPECT_EQ(product["product"], few ? "packed" : "plain") << product;
    }
  }
  const Json& full = report["columns"][0];
  const Json& cold = report["columns"][1];
  const Json& warm = report["columns"][2];
  EXPECT_LT(warm["flops"], cold["flops"]);
  EXPECT_LE(cold["flops"], full["flops"]);
  EXPECT_EQ(full["split_layer"], 0);
  EXPECT_EQ(warm["reuse"]["points"].size(), 6);
  EXPECT_NEAR(cold["flops"].get<double>() - warm["flops"].get<double>(),
              warm["encode"]["flops"].get<double>(), 1);
}

TEST_F(CmdBench, MeasuresASampleOfAFileAndReadsFromAStore) {
  const std::string store = "lmdb:" + path("store");
  const std::vector<std::string> more{
      "--model", write_model(), "--squad", write_json("dev.json", small_squad()),
      "--store", store,         "--codec", "fp16",
      "--mode",  "full,warm"};
  const Json report = measure(more);
  EXPECT_EQ(report["work"]["questions"], 2);
  EXPECT_EQ(report["store"]["filled_passages"], 2);
  EXPECT_EQ(report["columns"].size(), 2);
  EXPECT_GT(report["columns"][1]["batch"]["stages"]["read"], 0);
  EXPECT_EQ(measure(more)["store"]["filled_passages"], 0);
  EXPECT_THAT(run_ok(arguments(more)), HasSubstr("fp16: the passages were there"));
  EXPECT_THAT(run_ok({"inspect", store}), HasSubstr("fp16"));
}

TEST_F(CmdBench, MeasuresProjectionsFromTheStore) {
  const Json report = measure({"--model", write_model(), "--lengths", "9,20", "--passages", "2",
                               "--mode", "full,warm,projected"});
  ASSERT_EQ(report["columns"].size(), 3);
  EXPECT_EQ(report["columns"][2]["mode"], "projected");
  EXPECT_LT(report["columns"][2]["flops"], report["columns"][1]["flops"]);
  EXPECT_EQ(report["columns"][2]["reuse"]["points"].size(), 6);
}

TEST_F(CmdBench, PrintsATableAndAPage) {
  const std::string page = path("bench.html");
  const std::string table = run_ok(arguments(
      {"--model", write_model(), "--lengths", "9,20", "--passages", "2", "--html", page}));
  for (const char* part :
       {"machine  ", "2 of 9 + 20 rows", "one question at a time", "p99", "cpu, fp32, 1 threads",
        "in batches", "share of the roof", "questions a passage"}) {
    EXPECT_THAT(table, HasSubstr(part));
  }
  expect_page(read(page));
  EXPECT_THAT(read(page), HasSubstr("questions per passage"));
}

// It took minutes to measure.
TEST_F(CmdBench, APageThatCannotBeWrittenLeavesTheReport) {
  const ProcessResult result =
      run(arguments({"--model", write_model(), "--lengths", "9,20", "--passages", "2", "--mode",
                     "full", "--quiet", "--html", "/dev/full"}));
  EXPECT_EQ(result.status, 7) << result.err;
  EXPECT_THAT(result.out, HasSubstr("in batches"));
}

TEST_F(CmdBench, AReportThatCannotBeWrittenLeavesThePage) {
  const auto words = [&](const std::string& page) {
    return arguments({"--model", write_model(page + "-model"), "--lengths", "9,20", "--passages",
                      "2", "--mode", "full", "--quiet", "--html", path(page)});
  };
  expect_failure(run(words("full.html"), {.output_path = "/dev/full"}), 7,
                 "standard output: cannot write");
  expect_page(read(path("full.html")));
  Process process(command(words("closed.html")));
  process.close_output();
  EXPECT_EQ(process.wait(), 141);
  EXPECT_EQ(process.read_errors(), "");
  expect_page(read(path("closed.html")));
}

TEST_F(CmdBench, PathsNeedNotBeUtf8) {
  const std::string model = write_model("m\xFF");
  const Json report = measure({"--model", model, "--lengths", "9,20", "--passages", "2", "--mode",
                               "full", "--tokenizer-file", "vocab.txt"});
  EXPECT_THAT(report["model"]["name"].get<std::string>(), HasSubstr("\xEF\xBF\xBD"));
}

TEST_F(CmdBench, MeasuresAJointModelAlone) {
  const Json report = measure(
      {"--model", write_model(), "--split-layer", "0", "--lengths", "9,20", "--passages", "2"});
  ASSERT_EQ(report["columns"].size(), 1);
  EXPECT_EQ(report["columns"][0]["mode"], "full");
}

TEST_F(CmdBench, NeedsNoFilesForRandomWeights) {
  const Json report = measure(
      {"--random", "minilm-l6", "--lengths", "5,12", "--passages", "1", "--split-layer", "3"});
  EXPECT_EQ(report["model"]["parameters"], 22566146);
  EXPECT_EQ(report["model"]["split_layer"], 3);
  EXPECT_EQ(report["work"]["passage_rows"], 12);
}

// 500 of its 512 positions, neither part of them by default.
TEST_F(CmdBench, GivesRandomWeightsTheLengthsAskedFor) {
  const Json report = measure({"--random", "minilm-l6", "--split-layer", "0", "--layout",
                               "continue", "--lengths", "300,200", "--passages", "1"});
  EXPECT_EQ(report["work"]["question_rows"], 300);
  EXPECT_EQ(report["work"]["passage_rows"], 200);
  expect_failure(run({"bench", "--random", "minilm-l6", "--lengths", "2,200"}), 2,
                 "--lengths: expected 3 rows or more of a question, found 2");
  expect_failure(run({"bench", "--random", "minilm-l6", "--lengths", "300,1"}), 2,
                 "--lengths: expected 2 rows or more of a passage, found 1");
}

TEST_F(CmdBench, MeasuresThePapersTasks) {
  const std::string page = path("paper.html");
  const Json report =
      measure({"--paper", "--tasks", "qqp", "--paper-models", "minilm-l6", "--html", page});
  ASSERT_EQ(report["rows"].size(), 1);
  const Json& row = report["rows"][0];
  EXPECT_EQ(row["task"], "qqp");
  EXPECT_EQ(row["fresh_rows"], 42);
  EXPECT_TRUE(row["paper"]["speedup"].is_null());
  EXPECT_GT(row["flops_ratio"], 1);
  EXPECT_GT(row["memory_cut_percent"], 0);
  EXPECT_GT(row["full"]["requested_bytes"], row["full"]["peak_bytes"]);
  EXPECT_GE(row["rounds"], 3);
  expect_page(read(page));
}

TEST_F(CmdBench, RefusesAStoreThatNoColumnReads) {
  const std::string model = write_model();
  const auto expect_refused = [&](const std::string& option, const std::string& value,
                                  const std::vector<std::string>& more) {
    std::vector<std::string> words =
        arguments({"--model", model, "--lengths", "9,20", "--passages", "2", option, value});
    words.insert(words.end(), more.begin(), more.end());
    expect_failure(run(words), 2, option + ": expected mode warm or projected, found neither");
  };
  expect_refused("--store", "lmdb:" + path("store"), {"--mode", "full,cold"});
  expect_refused("--codec", "int8", {"--mode", "full"});
  expect_refused("--codec", "fp32", {"--split-layer", "0"});
  EXPECT_FALSE(std::filesystem::exists(path("store")));
}

TEST_F(CmdBench, SaysWhatItCannotMeasure) {
  const std::string model = write_model();
  const std::string squad = write_json("dev.json", small_squad());
  expect_failure(run({"bench"}), 2, "expected --model, --random or --paper");
  expect_failure(run({"bench", "--random", "minilm-l6", "--squad", squad}), 2,
                 "found --random: it has no vocabulary");
  expect_failure(run({"bench", "--random", "gpt"}), 2, "bert-base, bert-large");
  const std::string empty = write("empty.json", R"({"data": []})");
  expect_failure(run({"bench", "--model", model, "--squad", empty}), 2,
                 empty + ": expected at least one paragraph with a question, found none");
  expect_failure(run({"bench", "--model", model, "--lengths", "9"}), 2, "--lengths");
  expect_failure(run({"bench", "--model", model, "--lengths", "99,20"}), 2,
                 "expected 3 to 42 rows of a question, found 99");
  expect_failure(run({"bench", "--model", model, "--lengths", "9,20", "--mode", "hot"}), 2,
                 "expected full, cold, warm or projected");
  expect_failure(
      run({"bench", "--model", model, "--split-layer", "0", "--lengths", "9,20", "--mode", "warm"}),
      2, "expected a split layer above 0");
  expect_failure(run({"bench", "--model", model, "--html", path("absent/b.html")}), 3, "absent");
  expect_failure(run({"bench", "--paper", "--split-layer", "5"}), 2, "--paper");
}

TEST_F(CmdBench, StandardOutputHasThePageOrTheReport) {
  const std::vector<std::string> more{"--model",    write_model(), "--lengths", "9,20",
                                      "--passages", "2",           "--html",    "-"};
  expect_page(run_ok(arguments(more)));
  auto json = arguments(more);
  json.emplace_back("--json");
  expect_failure(run(json), 2, "--json: expected stdout for the report, found the page there");
}

TEST_F(CmdBench, LeavesNoPageBehindWhenItFails) {
  expect_failure(
      run({"bench", "--model", write_model(), "--lengths", "99,20", "--html", path("bench.html")}),
      2, "lengths");
  EXPECT_FALSE(std::filesystem::exists(path("bench.html")));
}

}  // namespace
}  // namespace deformer::test
