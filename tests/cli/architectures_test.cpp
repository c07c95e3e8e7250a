// Every verb that reads a model, with each relative of BERT: no verb knows which architecture it
// is.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class ArchitectureVerbs : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  ArchitectureVerbs()
      : model(write_model("model", {.architecture = GetParam(), .max_question_tokens = 60})),
        squad(write_json("squad.json", small_squad())) {}

  std::string model;
  std::string squad;
};

TEST_P(ArchitectureVerbs, AnswerFromTheStoreAsWithoutIt) {
  const std::string store = "lmdb:" + path("store");
  const Json report = Json::parse(run_ok({"encode", "--model", model, "--store", store, "--squad",
                                          squad, "--projections", "--json", "--quiet"}));
  EXPECT_EQ(report["encoded"], 2);
  const std::vector<std::string> plain{"answer", "--model", model, "--squad", squad, "--quiet"};
  auto stored = plain;
  stored.insert(stored.end(), {"--store", store, "--require-store"});
  const std::string answers = run_ok(plain);
  EXPECT_EQ(Json::parse(answers).size(), 3U);
  EXPECT_EQ(run_ok(stored), answers);
  auto other = stored;
  other.insert(other.end(), {"--split-layer", "1"});
  expect_failure(run(other), 5, "expected the model's fingerprint");
  const Json inspected = Json::parse(run_ok({"inspect", model, "--json"}));
  EXPECT_EQ(inspected["config"]["architecture"], GetParam());
  const Json verified = Json::parse(run_ok({"inspect", store, "--verify", "--json"}));
  EXPECT_EQ(verified["fingerprint"], inspected["fingerprint"]);
  EXPECT_THAT(run_ok({"inspect", model}), HasSubstr(std::string(GetParam()) + ", 3 layers"));
}

TEST_P(ArchitectureVerbs, TrainAndTrace) {
  const std::string trained = path("trained");
  EXPECT_EQ(run_ok({"train", "--model",        model,   "--teacher",   model,     "--output",
                    trained, "--squad",        squad,   "--layout",    "restart", "--split-layer",
                    "2",     "--loss-weights", "paper", "--max-steps", "3",       "--held-out",
                    "0",     "--quiet"}),
            "");
  EXPECT_TRUE(read(trained + "/model.safetensors") != read(model + "/model.safetensors"));
  const Json answers =
      Json::parse(run_ok({"answer", "--model", trained, "--squad", squad, "--quiet"}));
  EXPECT_EQ(answers.size(), 3U);
  const std::string file = path("trace.safetensors");
  EXPECT_EQ(run_ok({"trace", "--model", trained, "--question", "Who?", "--passage", "The king.",
                    "--output", file}),
            "");
  EXPECT_GT(std::filesystem::file_size(file), 1000U);
}

INSTANTIATE_TEST_SUITE_P(Architectures, ArchitectureVerbs,
                         testing::Values("mpnet", "roberta", "distilbert", "electra", "albert",
                                         "deberta-v2"),
                         [](const auto& architecture) {
                           std::string name = architecture.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace deformer::test
