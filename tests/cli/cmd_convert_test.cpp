// deformer convert. What it makes of each source: tests/convert/convert_test.cpp.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

const std::string kGolden = std::string(DEFORMER_SOURCE_DIR) + "/tests/golden/convert/";

class ConvertVerb : public CliTest {};

TEST_F(ConvertVerb, ReportsToPeople) {
  const ProcessResult result =
      run({"convert", "--from", kGolden + "tensorflow/deformer/model.ckpt-3", "--to", path("m")});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  for (const char* part :
       {"deformer: read TensorFlow checkpoint ", "deformer/bert_config.json\n",
        "deformer: mapped 39 tensors, skipped 11 (optimiser 11)\n",
        "m: bert, 2 layers, 2 heads, gelu_new, split layer 1, layout restart, F32\n",
        "bert.vocab, lower-casing; span head\n"}) {
    EXPECT_THAT(result.err, HasSubstr(part));
  }
}

TEST_F(ConvertVerb, ReportsToPrograms) {
  const Json report =
      Json::parse(run_ok({"convert", "--from", kGolden + "torch/bert", "--to", path("m"),
                          "--format", "fp16", "--split-layer", "1", "--json", "--quiet"}));
  EXPECT_EQ(report["dtype"], "F16");
  EXPECT_EQ(report["config"]["split_layer"], 1);
  EXPECT_EQ(report["config"]["layout"], "restart");
  EXPECT_EQ(report["mapped"].size(), 39u);
  EXPECT_EQ(report["skipped"],
            Json::parse(R"([{"source": "bert.embeddings.position_ids", "reason": "buffer"}])"));
  EXPECT_EQ(report["unused"], Json::array());
  EXPECT_EQ(report["span_head"], true);
}

TEST_F(ConvertVerb, ListsTensors) {
  const ProcessResult result = run({"convert", "--from", kGolden + "tensorflow/google-bert", "--to",
                                    path("m"), "--list", "--cased"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err,
              HasSubstr("deformer: mapped cls/squad/output_weights -> qa_outputs.weight\n"));
  EXPECT_THAT(result.err, HasSubstr("deformer: skipped global_step (optimiser)\n"));
  EXPECT_THAT(result.err, HasSubstr("vocab.txt, cased; span head"));
}

TEST_F(ConvertVerb, WhatItWritesAnswers) {
  EXPECT_EQ(run_ok({"convert", "--from", kGolden + "tensorflow/google-bert", "--to", path("m"),
                    "--quiet"}),
            "");
  const std::string passage = write("p.txt", "the of and in to");
  const std::string answer = run_ok({"answer", "--model", path("m"), "--passage", passage,
                                     "--question", "who was", "--json", "--quiet"});
  EXPECT_EQ(json_lines(answer).at(0)["answers"].size(), 1u);
}

TEST_F(ConvertVerb, FailsInOneLine) {
  const auto convert = [&](const std::string& from, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"convert", "--from", from, "--to", path("m")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  };
  expect_failure(convert(path("none")), 3, "none: expected a directory, a file or the prefix");
  expect_failure(convert(kGolden + "torch/hostile"), 6, "posix.system");
  expect_failure(convert(kGolden + "torch/bert", {"--format", "int4"}), 2,
                 "--format: expected one of fp32, fp16, bf16, int8, found \"int4\"");
  expect_failure(convert(kGolden + "torch/bert", {"--layout", "packed"}), 2,
                 "error: layout: expected restart or continue, found packed (model_type bert)");
  expect_failure(convert(kGolden + "torch/bert", {"--cased", "--lower-case"}), 2, "--cased");
  EXPECT_FALSE(std::filesystem::exists("hostile-pickle-has-run"));
  EXPECT_EQ(listing().size(), 0u);
  const std::string model = write_model("m");
  expect_failure(convert(kGolden + "torch/bert"), 2, "expected no model there");
}

TEST_F(ConvertVerb, AVocabularyThatIsNoneIsNamed) {
  std::filesystem::create_directory(path("directory"));
  const auto expect_refused = [&](const std::string& file, int status, const std::string& text) {
    expect_failure(
        run({"convert", "--from", kGolden + "torch/bert", "--to", path("m"), "--vocabulary", file}),
        status, "error: " + file + ": " + text);
    EXPECT_FALSE(std::filesystem::exists(path("m")));
  };
  expect_refused(path("directory"), 8, "expected a file, found a directory");
  expect_refused(write("empty.txt", ""), 4, "expected at least one token, found none");
  expect_refused(write("json.txt", "{}\n"), 4, "expected the special token");
  expect_refused(write("other.json", "{}"), 4, "expected a key \"model\", found none");
  expect_refused(write("empty.json", ""), 4, "line 1, column 1: broken JSON");
}

}  // namespace
}  // namespace deformer::test
