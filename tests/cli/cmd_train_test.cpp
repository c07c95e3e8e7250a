// deformer train, as a program.
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "cli/cli_fixture.h"
#include "support/free_port.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class CmdTrain : public CliTest {
 protected:
  CmdTrain() { ::setenv("OMP_NUM_THREADS", "1", 1); }

  // A base to train from and the three questions of small_squad().
  [[nodiscard]] std::vector<std::string> arguments(
      const std::string& output, const std::vector<std::string>& more = {}) const {
    if (!std::filesystem::exists(path("base"))) {
      write_model("base", {.split_layer = 0, .weight_scale = 0.08f});
    }
    std::vector<std::string> all{"train",
                                 "--model",
                                 path("base"),
                                 "--squad",
                                 write_json("train.json", small_squad()),
                                 "--split-layer",
                                 "1",
                                 "--learning-rate",
                                 "1e-3",
                                 "--output",
                                 path(output)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  [[nodiscard]] std::string weights(const std::string& output) const {
    return read(path(output) + "/model.safetensors");
  }

  // Losses by step.
  [[nodiscard]] std::vector<double> losses(const std::string& output) const {
    std::vector<double> values;
    for (const Json& line : json_lines(read(path(output) + "/training/log.jsonl"))) {
      if (line.at("event") == "step") values.push_back(line.at("loss"));
    }
    return values;
  }
};

TEST_F(CmdTrain, WritesAReaderThatAnswers) {
  const ProcessResult result = run(arguments("out", {"--max-steps", "3", "--json"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("deformer: 3 questions, 0 of them held out; 4 pairs with 3 "
                                    "windows of 2 paragraphs\n"));
  EXPECT_THAT(result.err, HasSubstr("deformer: trained 3 steps in "));
  const Json summary = Json::parse(result.out);
  EXPECT_EQ(summary.at("finished"), true);
  EXPECT_EQ(summary.at("steps"), 3);
  const Json scores = Json::parse(run_ok(
      {"evaluate", "--model", path("out"), "--squad", path("train.json"), "--json", "--quiet"}));
  EXPECT_EQ(scores.at("total"), 3);
  EXPECT_EQ(read_json(path("out") + "/config.json").at("deformer").at("split_layer"), 1);
}

TEST_F(CmdTrain, IsSilentWhenQuiet) {
  EXPECT_EQ(run_ok(arguments("out", {"--max-steps", "2", "--quiet"})), "");
}

TEST_F(CmdTrain, DistilsFromATeacherWithThePapersWeights) {
  const auto with_teacher = arguments(
      "out", {"--max-steps", "2", "--teacher", path("base"), "--loss-weights", "paper", "--quiet"});
  static_cast<void>(run_ok(with_teacher));
  const auto log = json_lines(read(path("out") + "/training/log.jsonl"));
  EXPECT_TRUE(log.at(1).contains("kd"));
  EXPECT_TRUE(log.at(1).contains("lrs"));
}

TEST_F(CmdTrain, ATerminatedRunIsContinuedToTheSameWeights) {
  const std::vector<std::string> more{"--max-steps", "300", "--quiet"};
  static_cast<void>(run_ok(arguments("whole", more)));
  Process process(command(arguments("parts", more)));
  const std::string log = path("parts") + "/training/log.jsonl";
  for (int i = 0; i < 2000 && !std::filesystem::exists(log); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(process.pid(), SIGTERM);
  ASSERT_EQ(process.wait(), 128 + SIGTERM) << process.read_errors();
  EXPECT_FALSE(std::filesystem::exists(path("parts") + "/model.safetensors"));
  auto again = arguments("parts", more);
  again.emplace_back("--resume");
  static_cast<void>(run_ok(again));
  EXPECT_TRUE(weights("whole") == weights("parts"));
  EXPECT_EQ(losses("whole"), losses("parts"));
}

TEST_F(CmdTrain, TwoProcessesTrainOneModel) {
  const std::vector<std::string> more{"--max-steps", "6", "--dropout", "0", "--quiet"};
  static_cast<void>(run_ok(arguments("alone", more)));
  const std::string port = "MASTER_PORT=" + std::to_string(free_port());
  std::vector<std::unique_ptr<Process>> processes;
  for (const char* rank : {"RANK=0", "RANK=1"}) {
    auto words = command(arguments("group", more));
    words.insert(words.begin(),
                 {"/usr/bin/env", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", port, rank});
    processes.push_back(std::make_unique<Process>(words));
  }
  for (const auto& process : processes) {
    const int status = process->wait();
    EXPECT_EQ(status, 0) << process->read_errors();
  }
  const auto alone = losses("alone");
  ASSERT_EQ(alone.size(), 6U);
  EXPECT_THAT(losses("group"), testing::Pointwise(testing::DoubleNear(1e-4), alone));
  // Predictions of both, from the files that they wrote.
  EXPECT_EQ(listing("group"), listing("alone"));
}

TEST_F(CmdTrain, AFullDiskLeavesTheOldCheckpoint) {
  const std::vector<std::string> more{"--max-steps", "4", "--quiet"};
  static_cast<void>(run_ok(arguments("out", more)));
  const std::string state = path("out") + "/training/state.safetensors";
  const std::string before = read(state);
  auto resumed = arguments("out", more);
  resumed.emplace_back("--resume");
  const ProcessResult result = run(resumed, {.file_size_limit = before.size() / 2});
  expect_failure(result, 7, "state.safetensors: cannot write");
  EXPECT_TRUE(read(state) == before);
}

TEST_F(CmdTrain, ANewRunDoesNotOverwriteAnother) {
  const std::vector<std::string> more{"--max-steps", "1", "--quiet"};
  static_cast<void>(run_ok(arguments("out", more)));
  expect_failure(run(arguments("out", more)), 2,
                 "expected an output directory without a training run, found one");
}

TEST_F(CmdTrain, TrainsAnotherTask) {
  write_model("encoder", {.split_layer = 0, .span_head = false});
  const std::string data =
      write("boolq.jsonl",
            R"({"question": "is it red", "passage": "It is red.", "label": true}
{"question": "is it blue", "passage": "It is red.", "label": false}
)");
  const std::vector<std::string> start{"train",         "--model",     path("encoder"),
                                       "--split-layer", "1",           "--output",
                                       path("out"),     "--max-steps", "2"};
  auto words = start;
  words.insert(words.end(), {"--task", "boolq", "--data", data});
  const ProcessResult result = run(words);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("2 pairs with 1 windows of 1 paragraphs"));
  EXPECT_EQ(Json::parse(read(path("out") + "/config.json")).at("deformer").at("task"), "boolq");
  words = start;
  words.insert(words.end(), {"--data", data});
  expect_failure(run(words), 2, "task span: expected --squad and no --data");
  words.insert(words.end(), {"--task", "race"});
  words.at(words.size() - 3) = write_json("train.json", small_squad());
  expect_failure(run(words), 4, "train.json");
}

TEST_F(CmdTrain, BadInputIsOneLine) {
  const auto fails = [&](std::vector<std::string> more, int status, const char* text) {
    more.emplace_back("--quiet");
    expect_failure(run(arguments("out", more)), status, text);
  };
  fails({"--lrs-scale", "big"}, 2, "--lrs-scale: expected one of raw, teacher, found \"big\"");
  fails({"--loss-weights", "kd"}, 2, "loss weights: expected");
  fails({"--loss-weights", "paper"}, 2, "teacher: expected one");
  fails({"--split-layers", "0,1"}, 2, "expected --split-layer or --split-layers, found both");
  fails({"--precision", "tf32"}, 6, "training precision: expected fp32 or bf16 on a CPU");
  fails({"--resume"}, 3, "state.safetensors");
  fails({"--epochs", "0"}, 2, "epochs: expected above 0");
  fails({"--held-out", "3"}, 2, "held-out questions: expected fewer");
  EXPECT_FALSE(std::filesystem::exists(path("out") + "/model.safetensors"));
}

TEST_F(CmdTrain, RefusesFilesWithoutAnswers) {
  auto words = arguments("out");
  Json question;
  question["id"] = "q";
  question["question"] = "Who?";
  words.at(4) = write_json("none.json", squad_file({{"Nobody.", {question}}}));
  expect_failure(run(words), 2,
                 "training data: expected questions with answers, found 1 questions");
}

TEST_F(CmdTrain, RefusesAnOutputThatIsAFile) {
  auto words = arguments("out");
  words.back() = write("file", "");
  expect_failure(run(words), 8, "cannot create the directory");
}

TEST_F(CmdTrain, RefusesAMalformedEnvironment) {
  auto words = command(arguments("out"));
  words.insert(words.begin(), {"/usr/bin/env", "WORLD_SIZE=2", "RANK=5", "MASTER_PORT=1"});
  expect_failure(run_process(words), 2,
                 "environment: RANK: expected a number below 2, found \"5\"");
}

}  // namespace
}  // namespace deformer::test
