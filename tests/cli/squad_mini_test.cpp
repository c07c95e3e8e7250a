// The bundled reader, models/squad-mini: trained weights, on texts that it cannot know.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

const std::string kSource = DEFORMER_SOURCE_DIR;
const std::string kModel = kSource + "/models/squad-mini";
const std::string kSample = kSource + "/examples/squad-sample.json";

class SquadMini : public CliTest {};

TEST_F(SquadMini, AnswersQuestionsAboutTheLighthouse) {
  const auto lines = json_lines(run_ok(
      {"answer", "--model", kModel, "--passage", kSource + "/examples/lighthouse.txt", "--question",
       "Who built the lighthouse?", "--question", "How high is the tower?", "--json"}));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0]["answers"][0]["text"], HasSubstr("Anna Halvorsen"));
  EXPECT_THAT(lines[1]["answers"][0]["text"], HasSubstr("38 metres"));
}

// The model card states the score; the margin is for processors that round differently.
TEST_F(SquadMini, ScoresTheSampleAsItsCardSays) {
  const Json scores =
      Json::parse(run_ok({"evaluate", "--model", kModel, "--squad", kSample, "--json"}));
  EXPECT_EQ(scores["total"], 112);
  EXPECT_NEAR(scores["f1"], 72.86, 2.0);
}

// Stores that were made with it stay valid. Another value means that all of them are refused:
// change it only with the computation of the states.
TEST_F(SquadMini, KeepsItsFingerprint) {
  const Json report = Json::parse(run_ok({"inspect", kModel, "--json"}));
  EXPECT_EQ(report["fingerprint"], "61a068427c41377f9c2d91caaf75d416");
}

TEST_F(SquadMini, AnswersTheSameFromAStoreOfExactStates) {
  const std::string store = "lmdb:" + path("passages");
  const std::string direct = run_ok({"answer", "--model", kModel, "--squad", kSample});
  const ProcessResult encoded = run({"encode", "--model", kModel, "--squad", kSample, "--store",
                                     store, "--codec", "fp32", "--quiet"});
  ASSERT_EQ(encoded.status, 0) << encoded.err;
  EXPECT_EQ(direct, run_ok({"answer", "--model", kModel, "--squad", kSample, "--store", store,
                            "--require-store"}));
}

}  // namespace
}  // namespace deformer::test
