// The bundled models: trained weights, on texts that they cannot know.
#include <algorithm>

#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

const std::string kSource = DEFORMER_SOURCE_DIR;
const std::string kSample = kSource + "/examples/squad-sample.json";

// What the model card states, and what stores were made with.
struct Bundled {
  const char* name = nullptr;
  double sample_f1 = 0;
  const char* fingerprint = nullptr;
};

constexpr Bundled kBundled[] = {{"squad_base", 85.80, "cec700322918a2902fe876fce90a0769"},
                                {"squad_mini", 72.86, "61a068427c41377f9c2d91caaf75d416"}};

class BundledModel : public CliTest, public testing::WithParamInterface<Bundled> {
 protected:
  // A name of a test has no "-".
  [[nodiscard]] std::string model() const {
    std::string name = GetParam().name;
    std::replace(name.begin(), name.end(), '_', '-');
    return kSource + "/models/" + name;
  }
};

TEST_P(BundledModel, AnswersQuestionsAboutTheLighthouse) {
  const auto lines = json_lines(
      run_ok({"answer", "--model", model(), "--passage", kSource + "/examples/lighthouse.txt",
              "--question", "Who built the lighthouse?", "--question", "How high is the tower?",
              "--json"}));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0]["answers"][0]["text"], HasSubstr("Anna Halvorsen"));
  EXPECT_THAT(lines[1]["answers"][0]["text"], HasSubstr("38 metres"));
}

// The margin is for processors that round differently.
TEST_P(BundledModel, ScoresTheSampleAsItsCardSays) {
  const Json scores =
      Json::parse(run_ok({"evaluate", "--model", model(), "--squad", kSample, "--json"}));
  EXPECT_EQ(scores["total"], 112);
  EXPECT_NEAR(scores["f1"], GetParam().sample_f1, 2.0);
}

// Stores that were made with it stay valid. Another value means that all of them are refused:
// change it only with the computation of the states.
TEST_P(BundledModel, KeepsItsFingerprint) {
  const Json report = Json::parse(run_ok({"inspect", model(), "--json"}));
  EXPECT_EQ(report["fingerprint"], GetParam().fingerprint);
}

TEST_P(BundledModel, AnswersTheSameFromAStoreOfExactStates) {
  const std::string store = "lmdb:" + path("passages");
  // A fifth of the questions: those of a base-size model take seconds.
  const std::vector<std::string> answer{"answer", "--model", model(), "--squad",
                                        kSample,  "--limit", "22"};
  const std::string direct = run_ok(answer);
  const ProcessResult encoded = run({"encode", "--model", model(), "--squad", kSample, "--store",
                                     store, "--codec", "fp32", "--quiet"});
  ASSERT_EQ(encoded.status, 0) << encoded.err;
  std::vector<std::string> from_store = answer;
  from_store.insert(from_store.end(), {"--store", store, "--require-store"});
  EXPECT_EQ(direct, run_ok(from_store));
}

INSTANTIATE_TEST_SUITE_P(Models, BundledModel, testing::ValuesIn(kBundled),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace deformer::test
