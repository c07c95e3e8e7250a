// Every verb that reads a model, with an XLNet: no verb knows which architecture it is.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class XlnetVerbs : public CliTest {
 protected:
  XlnetVerbs()
      : model(write_model("model", {.architecture = "xlnet", .max_question_tokens = 60})),
        squad(write_json("squad.json", small_squad())),
        store("lmdb:" + path("store")) {}

  std::string model;
  std::string squad;
  std::string store;
};

TEST_F(XlnetVerbs, AnswersFromTheStoreEqualAnswersWithoutIt) {
  const Json report = Json::parse(run_ok(
      {"encode", "--model", model, "--store", store, "--squad", squad, "--json", "--quiet"}));
  EXPECT_EQ(report["encoded"], 2);
  const std::vector<std::string> plain{"answer", "--model", model, "--squad", squad, "--quiet"};
  auto stored = plain;
  stored.insert(stored.end(), {"--store", store, "--require-store"});
  const std::string answers = run_ok(plain);
  EXPECT_EQ(Json::parse(answers).size(), 3U);
  EXPECT_EQ(run_ok(stored), answers);
}

TEST_F(XlnetVerbs, EvaluatesInEveryLayout) {
  for (const char* layout : {"packed", "slots", "continue"}) {
    const Json report = Json::parse(run_ok(
        {"evaluate", "--model", model, "--squad", squad, "--layout", layout, "--json", "--quiet"}));
    EXPECT_TRUE(report.contains("f1")) << report;
  }
}

TEST_F(XlnetVerbs, RefusesALayoutOfBert) {
  expect_failure(run({"answer", "--model", model, "--squad", squad, "--layout", "restart"}), 5,
                 "expected packed, slots or continue, found restart");
}

TEST_F(XlnetVerbs, InspectsModelAndStore) {
  const Json report = Json::parse(run_ok({"inspect", model, "--json"}));
  EXPECT_EQ(report["config"]["layout"], "packed");
  EXPECT_EQ(report["flops"]["question_rows"], 27);
  EXPECT_EQ(report["flops"]["passage_rows"], 293);
  const std::string text = run_ok({"inspect", model});
  EXPECT_THAT(text, HasSubstr("xlnet, 3 layers, hidden 32, 4 heads"));
  EXPECT_THAT(text, HasSubstr("layout packed"));
  EXPECT_EQ(text.find("0 positions"), std::string::npos) << text;
  EXPECT_EQ(run_ok({"encode", "--model", model, "--store", store, "--squad", squad, "--quiet"}),
            "");
  const Json stored = Json::parse(run_ok({"inspect", store, "--verify", "--json"}));
  EXPECT_EQ(stored["fingerprint"], report["fingerprint"]);
}

TEST_F(XlnetVerbs, TrainsWithATeacherAndAnswersAfterwards) {
  const std::string trained = path("trained");
  EXPECT_EQ(run_ok({"train", "--model",        model,   "--teacher",   model,    "--output",
                    trained, "--squad",        squad,   "--layout",    "packed", "--split-layer",
                    "2",     "--loss-weights", "paper", "--max-steps", "3",      "--held-out",
                    "0",     "--quiet"}),
            "");
  EXPECT_EQ(read_json(trained + "/config.json")["deformer"]["layout"], "packed");
  EXPECT_EQ(read(trained + "/spiece.model"), read(model + "/spiece.model"));
  EXPECT_NE(read(trained + "/model.safetensors"), read(model + "/model.safetensors"));
  const Json answers =
      Json::parse(run_ok({"answer", "--model", trained, "--squad", squad, "--quiet"}));
  EXPECT_EQ(answers.size(), 3U);
}

TEST_F(XlnetVerbs, TracesQuestionAndPassage) {
  const std::string file = path("trace.safetensors");
  EXPECT_EQ(run_ok({"trace", "--model", model, "--question", "Who?", "--passage", "The king.",
                    "--output", file}),
            "");
  EXPECT_GT(std::filesystem::file_size(file), 1000U);
}

}  // namespace
}  // namespace deformer::test
