// An architecture is its record: one that registers itself is answered with, encoded and trained by
// a tool of which no other line knows it.
#include "cli/cli_fixture.h"
#include "support/toy_architecture.h"

namespace deformer::test {
namespace {

class ToyArchitecture : public CliTest {
 protected:
  ToyArchitecture() : model(write_toy()), squad(write_json("squad.json", small_squad())) {
    keep_fork_server(DEFORMER_TOY_CLI);
  }

  std::string write_toy() {
    register_toy();
    return write_model("model", {.architecture = "toy", .max_question_tokens = 20});
  }

  static std::string toy_ok(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), DEFORMER_TOY_CLI);
    const ProcessResult result = run_process(arguments, {});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }

  std::string model;
  std::string squad;
};

TEST_F(ToyArchitecture, AnswersTheSameWithAStoreAndWithout) {
  const std::string store = "lmdb:" + path("store");
  toy_ok({"encode", "--model", model, "--store", store, "--squad", squad, "--quiet"});
  const std::vector<std::string> plain{"answer", "--model", model, "--squad", squad, "--quiet"};
  auto stored = plain;
  stored.insert(stored.end(), {"--store", store, "--require-store"});
  const std::string answers = toy_ok(plain);
  EXPECT_EQ(Json::parse(answers).size(), 3U);
  EXPECT_EQ(toy_ok(stored), answers);
}

TEST_F(ToyArchitecture, IsTrainedAndReadBack) {
  const std::string out = path("trained");
  toy_ok({"train", "--model", model, "--squad", squad, "--output", out, "--max-steps", "2",
          "--split-layer", "1", "--quiet"});
  const Json report = Json::parse(toy_ok({"inspect", out, "--json"}));
  EXPECT_EQ(report["config"]["architecture"], "toy");
  EXPECT_EQ(Json::parse(toy_ok({"answer", "--model", out, "--squad", squad, "--quiet"})).size(),
            3U);
}

TEST_F(ToyArchitecture, IsUnknownWhereItIsNotRegistered) {
  expect_failure(run({"inspect", model}), 6, "model_type: expected bert, xlnet, mpnet");
}

}  // namespace
}  // namespace deformer::test
