// deformer inspect. FLOPs: tests/task/inspect_test.cpp.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class Inspect : public CliTest {};

TEST_F(Inspect, DescribesAModelForPrograms) {
  const Json report = Json::parse(run_ok({"inspect", write_model(), "--json"}));
  EXPECT_EQ(report["config"]["num_hidden_layers"], 3);
  EXPECT_EQ(report["config"]["hidden_size"], 32);
  EXPECT_EQ(report["config"]["split_layer"], 2);
  EXPECT_EQ(report["config"]["layout"], "restart");
  // BERT's parameters: (vocabulary + positions + types) * h and a norm; per layer four h x h and
  // two h x i products, their biases and two norms; the head.
  const std::int64_t vocabulary = report["config"]["vocab_size"];
  const std::int64_t h = 32;
  const std::int64_t i = 64;
  const std::int64_t embeddings = (vocabulary + 96 + 2) * h + 2 * h;
  const std::int64_t layer = 4 * (h * h + h) + (h * i + i) + (i * h + h) + 4 * h;
  EXPECT_EQ(report["parameters"], embeddings + 3 * layer + 2 * h + 2);
  EXPECT_EQ(report["weights"][0]["dtype"], "F32");
  EXPECT_EQ(report["weights"][0]["bytes"], 4 * report["weights"][0]["values"].get<std::int64_t>());
  EXPECT_EQ(report["products"], "packed up to 192 rows, plain above");  // as ctest sets it
  EXPECT_EQ(report["flops"]["question_rows"], 27);
  EXPECT_EQ(report["flops"]["passage_rows"], 293);
  EXPECT_THAT(report["fingerprint"].get<std::string>(), testing::MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(Inspect, DescribesAModelForPeople) {
  const std::string text = run_ok({"inspect", write_model(), "--passage-tokens", "40"});
  for (const char* part : {"bert, 3 layers, hidden 32, 4 heads", "layer 2 of 3, layout restart",
                           "27 + 41 tokens", "F32", "fingerprint   "}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(Inspect, OptionsOverrideTheSplitAndWithItTheFingerprint) {
  const std::string model = write_model();
  const Json as_it_is = Json::parse(run_ok({"inspect", model, "--json"}));
  const Json joint = Json::parse(run_ok({"inspect", model, "--split-layer", "0", "--json"}));
  EXPECT_EQ(joint["flops"]["decomposed"], joint["flops"]["full"]);
  EXPECT_EQ(joint["flops"]["full"], as_it_is["flops"]["full"]);
  EXPECT_NE(joint["fingerprint"], as_it_is["fingerprint"]);
}

TEST_F(Inspect, NoLengthMakesANumberOfFlopsNegative) {
  const Json flops = Json::parse(run_ok({"inspect", write_model(), "--question-tokens", "1000000",
                                         "--passage-tokens", "1000000", "--json"}))["flops"];
  for (const auto& entry : flops.items()) EXPECT_GE(entry.value(), 0) << entry.key();
}

TEST_F(Inspect, VerifiesStoresAlone) {
  expect_failure(run({"inspect", write_model(), "--verify"}), 2,
                 "--verify: expected the URI of a passage store");
}

TEST_F(Inspect, RefusesOptionsThatAStoreHasNoUseFor) {
  const std::string store = "lmdb:" + path("passages");
  for (const char* option : {"--split-layer", "--threads", "--question-tokens"}) {
    expect_failure(run({"inspect", store, option, "1"}), 2,
                   std::string(option) + ": expected a model directory, found the store " + store);
  }
}

TEST_F(Inspect, CountsShardsAndHalfPrecision) {
  const std::string models = std::string(DEFORMER_SOURCE_DIR) + "/tests/golden/models/";
  const Json half = Json::parse(run_ok({"inspect", models + "bert-fp16", "--json"}));
  EXPECT_EQ(half["weights"][0]["dtype"], "F16");
  EXPECT_EQ(half["weights"][0]["bytes"], 2 * half["weights"][0]["values"].get<std::int64_t>());
  const Json sharded = Json::parse(run_ok({"inspect", models + "bert-sharded", "--json"}));
  EXPECT_EQ(sharded["weights"][0]["values"], sharded["parameters"]);
}

}  // namespace
}  // namespace deformer::test
