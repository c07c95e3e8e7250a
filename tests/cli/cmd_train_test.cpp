// deformer train, as a program.
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "cli/cli_fixture.h"
#include "support/free_port.h"
#include "tools/train_report.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;
using testing::Not;

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
  EXPECT_THAT(result.err, HasSubstr("deformer: 3 questions, 0 to be scored; 4 pairs with 3 "
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

TEST_F(CmdTrain, TheProgressLineIsWipedBeforeTheLastNote) {
  const ProcessResult result =
      run(arguments("out", {"--max-steps", "2"}), {.terminal_errors = true});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("train [#"));
  EXPECT_THAT(result.err, HasSubstr("\r\x1b[Kdeformer: trained 2 steps in "));
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

// A run that was stopped while its teacher answered has no state to resume.
TEST(TrainReport, SaysHowAStoppedRunGoesOn) {
  TrainingResult result;
  result.finished = false;
  EXPECT_THAT(tools::to_text(result), HasSubstr("stopped after 0 steps"));
  EXPECT_THAT(tools::to_text(result), HasSubstr("; the same command goes on"));
  result.steps = 1;
  EXPECT_THAT(tools::to_text(result), HasSubstr("; --resume continues"));
  result.finished = true;
  EXPECT_THAT(tools::to_text(result), Not(HasSubstr(";")));
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

#ifdef DEFORMER_MPI_CLI
// Open MPI's own words; another one's mpiexec does not know these.
ProcessResult run_under_mpi(int processes, std::vector<std::string> words,
                            const std::vector<std::string>& more = {}) {
  std::vector<std::string> all{"/usr/bin/env",
                               "OMPI_ALLOW_RUN_AS_ROOT=1",
                               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                               "OMPI_MCA_rmaps_base_oversubscribe=1",
                               "OMPI_MCA_btl=self,vader",
                               "ASAN_OPTIONS=detect_leaks=0"};  // MPI has leaks of its own
  all.insert(all.end(), more.begin(), more.end());
  all.insert(all.end(), {DEFORMER_MPIEXEC, "-n", std::to_string(processes), DEFORMER_MPI_CLI});
  all.insert(all.end(), words.begin(), words.end());
  return run_process(all);
}

TEST_F(CmdTrain, ProcessesOfMpiTrainOneModel) {
  const std::vector<std::string> more{"--max-steps", "6", "--dropout", "0", "--quiet"};
  static_cast<void>(run_ok(arguments("alone", more)));
  const auto alone = losses("alone");
  ASSERT_EQ(alone.size(), 6U);
  for (const int processes : {2, 4}) {
    const std::string output = "mpi" + std::to_string(processes);
    const ProcessResult result = run_under_mpi(processes, arguments(output, more));
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(losses(output), testing::Pointwise(testing::DoubleNear(1e-4), alone));
    EXPECT_EQ(listing(output), listing("alone"));
  }
}

TEST_F(CmdTrain, WhatOneProcessOfMpiCannotDoEndsAll) {
  auto words = arguments("never");
  words.at(4) = path("none.json");
  const ProcessResult result = run_under_mpi(2, words);
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("none.json: cannot open"));
}
#endif

TEST_F(CmdTrain, WithoutMpiProcessesOfMpiAreRefused) {
  auto words = command(arguments("never"));
  words.insert(words.begin(), {"/usr/bin/env", "OMPI_COMM_WORLD_SIZE=2"});
  expect_failure(run_process(words), 6, "built with MPI");
  EXPECT_FALSE(std::filesystem::exists(path("never")));
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

TEST_F(CmdTrain, ANewRunDoesNotReplaceAModel) {
  const std::vector<std::string> more{"--max-steps", "1", "--quiet"};
  write_model("other", {});
  const std::string before = weights("other");
  expect_failure(
      run(arguments("other", more)), 2,
      path("other") + "/config.json: expected an output directory without a model, found one");
  std::filesystem::remove(path("other") + "/config.json");
  expect_failure(run(arguments("other", more)), 2,
                 "/model.safetensors: expected an output directory without a model, found one");
  EXPECT_TRUE(weights("other") == before);
}

TEST_F(CmdTrain, UnusableDataLeaveNothingBehind) {
  auto words = arguments("never");
  Json data = small_squad();
  for (Json& paragraph : data["data"][0]["paragraphs"]) {
    for (Json& question : paragraph["qas"]) {
      for (Json& answer : question["answers"]) answer["text"] = "not in the passage";
    }
  }
  words.at(4) = write_json("unusable.json", data);
  expect_failure(run(words), 2, "of which none can be used");
  EXPECT_FALSE(std::filesystem::exists(path("never")));
}

TEST_F(CmdTrain, ValidationDataAreScoredAndNotTrainedOn) {
  Json validation = small_squad();
  validation["data"][0]["paragraphs"].erase(0);
  const ProcessResult result =
      run(arguments("out", {"--validation", write_json("validation.json", validation),
                            "--max-steps", "2", "--json"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("deformer: 2 questions, 1 to be scored; "));
  EXPECT_THAT(result.err,
              HasSubstr("deformer: questions left out, passage in the validation data: 1\n"));
  const Json summary = Json::parse(result.out);
  EXPECT_EQ(summary.at("in_validation"), 1);
  EXPECT_EQ(summary.at("scores").size(), 1U);
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
  const Json config = Json::parse(read(path("out") + "/config.json"));
  EXPECT_EQ(config.at("deformer").at("task"), "classes");
  EXPECT_EQ(config.at("deformer").at("passage_place"), "second");
  EXPECT_EQ(config.at("id2label").at("1"), "true");
  words.at(6) = path("never");
  words.insert(words.end(), {"--negatives", "keep"});
  expect_failure(run(words), 2, "negatives: expected a task of spans");
  words = start;
  words.insert(words.end(), {"--data", data});
  expect_failure(run(words), 2, "task span: expected --squad and no --data");
  words.insert(words.end(), {"--task", "race"});
  words.at(words.size() - 3) = write_json("train.json", small_squad());
  expect_failure(run(words), 4, "train.json");
}

// From an encoder, with labels that no data set has, to a model that classifies; then a second file
// with the labels that it has, in another order.
TEST_F(CmdTrain, TrainsLabelsOfOnesOwn) {
  write_model("encoder", {.split_layer = 0, .span_head = false});
  const std::string data =
      write("mine.jsonl",
            R"({"id": "a", "question": "is it red", "passage": "It is red.", "label": "Yes"}
{"question": "is it blue", "passage": "It is red.", "label": "no"}
{"question": "is it big", "passage": "It is red.", "label": "not said"}
{"question": "is it red", "passage": "The king is old.", "label": "not said"}
)");
  const std::vector<std::string> steps{"--split-layer", "1", "--max-steps", "2", "--quiet"};
  std::vector<std::string> words{"train",  "--model", path("encoder"), "--task",   "classes",
                                 "--data", data,      "--output",      path("out")};
  words.insert(words.end(), steps.begin(), steps.end());
  static_cast<void>(run_ok(words));
  const Json config = Json::parse(read(path("out") + "/config.json"));
  EXPECT_EQ(config.at("id2label"), Json::parse(R"({"0": "Yes", "1": "no", "2": "not said"})"));
  EXPECT_EQ(Json::parse(run_ok({"evaluate", "--data", data, "--model", path("out"), "--json",
                                "--quiet"}))["total"],
            4);
  const std::string other = write(
      "other.jsonl", R"({"question": "is it old", "passage": "The king is old.", "label": "no"})");
  words = {"train",      "--model", path("out"), "--data",     other,
           "--held-out", "0",       "--output",  path("again")};
  words.insert(words.end(), steps.begin(), steps.end());
  static_cast<void>(run_ok(words));
  EXPECT_EQ(Json::parse(read(path("again") + "/config.json")).at("id2label"),
            config.at("id2label"));
  write("other.jsonl", R"({"question": "q", "passage": "p", "label": "new"}
{"question": "q", "passage": "p", "label": "no"})");
  words.at(8) = path("replaced");
  static_cast<void>(run_ok(words));
  EXPECT_EQ(Json::parse(read(path("replaced") + "/config.json")).at("id2label"),
            Json::parse(R"({"0": "new", "1": "no"})"))
      << "another head";
  write("other.jsonl", R"({"question": "q", "passage": "p", "label": "new"})");
  expect_failure(run(words), 2, "training data: expected at least two labels, found new");
}

TEST_F(CmdTrain, TrainsChoicesOfOnesOwn) {
  write_model("encoder", {.split_layer = 0, .span_head = false});
  const std::string data = write(
      "mine.jsonl",
      R"({"question": "It is _ .", "options": ["red", "blue"], "passage": "It is red.", "answer": 0}
{"question": "Who is old?", "choices": ["he", "the king"], "passage": "The king is old.", "answer": "B"}
)");
  static_cast<void>(
      run_ok({"train", "--model", path("encoder"), "--task", "choice", "--data", data,
              "--split-layer", "1", "--max-steps", "2", "--output", path("out"), "--quiet"}));
  const Json log = json_lines(read(path("out") + "/training/log.jsonl")).front();
  EXPECT_EQ(log["recipe"]["task"], "choice");
  EXPECT_EQ(log["pairs"], 4);
  EXPECT_EQ(Json::parse(run_ok({"evaluate", "--data", data, "--model", path("out"), "--json",
                                "--quiet"}))["total"],
            2);
}

// A run of an older version is continued only where its recipe is the same to the byte; the hashes
// are of such a version. Each file is given twice, and BoolQ's first passage has no label at first.
TEST_F(CmdTrain, RecipesOfDataSetsStay) {
  const std::string base = std::string(DEFORMER_SOURCE_DIR) + "/tests/golden/training/student";
  const auto recipe = [&](const std::string& task, const std::string& data) {
    const std::string output = path("out-" + task);
    static_cast<void>(run_ok({"train", "--model", base, "--task", task,
                              task == "span" ? "--squad" : "--data", data, data, "--split-layer",
                              "1", "--max-steps", "1", "--output", output, "--quiet"}));
    const Json read_recipe = json_lines(read(output + "/training/log.jsonl")).front()["recipe"];
    EXPECT_EQ(read_recipe.value("task", "span"), task);
    return read_recipe["data"];
  };
  const std::string boolq = R"({"question": "is it cold", "passage": "the river rose", "idx": 0}
{"question": "was it old", "passage": "the king was old", "idx": 1, "label": true}
{"question": "did it rise", "passage": "the river rose", "idx": 2, "label": false}
{"question": "was he first", "passage": "the king was old", "idx": 3, "label": false}
)";
  EXPECT_EQ(recipe("boolq", write("boolq.jsonl", boolq)), "a048e8d77d2812ae");
  EXPECT_EQ(recipe("mnli", write("mnli.tsv",
                                 "neutral\tthe river rose\tit was cold\n"
                                 "entailment\tthe king was old\the was old\n"
                                 "contradiction\tthe river rose\tit fell\n")),
            "16c7d3120d36dd47");
  EXPECT_EQ(recipe("qqp", write("qqp.tsv",
                                "id\tquestion1\tquestion2\tis_duplicate\n"
                                "0\twho is king\twho was king\t1\n"
                                "1\twho is king\twhere is it\t0\n")),
            "8061bf6d7817ad8b");
  EXPECT_EQ(recipe("race", write("1.txt",
                                 R"({"id": "h1", "article": "the king was old",
      "questions": ["he was _ .", "who"], "options": [["old", "cold"], ["the king", "it"]],
      "answers": ["A", "B"]})")),
            "65a7661ce0aeeb97");
  EXPECT_EQ(recipe("span", write("squad.json",
                                 R"({"data": [{"paragraphs": [{"context": "nobody", "qas": []},
      {"context": "the king was old", "qas": [
        {"id": "a", "question": "who", "answers": [{"text": "the king", "answer_start": 0}]},
        {"id": "b", "question": "when", "answers": [], "is_impossible": true}]}]}]})")),
            "91afee4aa574af6b");
}

TEST_F(CmdTrain, BadInputIsOneLine) {
  const auto fails = [&](std::vector<std::string> more, int status, const char* text) {
    more.emplace_back("--quiet");
    expect_failure(run(arguments("out", more)), status, text);
  };
  fails({"--lrs-scale", "big"}, 2, "--lrs-scale: expected one of raw, teacher, found \"big\"");
  fails({"--loss-weights", "kd"}, 2, "loss weights: expected");
  fails({"--loss-weights", "task=1,task=2"}, 2, "each at most once");
  fails({"--loss-weights", "paper"}, 2, "teacher: expected one");
  fails({"--train-distance-bias"}, 2, "train_distance_bias: expected a model with scores");
  fails({"--split-layers", "0,1"}, 2, "expected --split-layer or --split-layers, found both");
  fails({"--precision", "tf32"}, 6, "training precision: expected fp32 or bf16 on a CPU");
  fails({"--resume"}, 3, "state.safetensors");
  fails({"--epochs", "0"}, 2, "epochs: expected above 0");
  fails({"--held-out", "3"}, 2, "held-out questions: expected fewer");
  auto words = arguments("out");
  words.at(5) = "--split-layers";
  words.at(6) = "1,1";
  expect_failure(run(words), 2, "split_layers: expected each layer once, found 1 twice");
  EXPECT_FALSE(std::filesystem::exists(path("out") + "/model.safetensors"));
}

TEST_F(CmdTrain, LayersToFreezeAreCountedInDecimal) {
  expect_failure(run(arguments("out", {"--freeze-layers", "010", "--quiet"})), 2, "found 10");
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
