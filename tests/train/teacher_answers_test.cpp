// The teacher's answers in a file, seen from outside: what training reads, and what it refuses.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "deformer/known_datasets.h"
#include "deformer/training.h"
#include "format/safetensors.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// Passages of several lengths, each with two questions; the second one may be unanswerable.
Dataset span_data(bool with_impossible) {
  Dataset data{.name = "span", .kind = TaskKind::kSpan};
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl"};
  std::string text;
  for (std::size_t i = 0; i < animals.size(); ++i) {
    text += (text.empty() ? "the " : " the ") + animals[i];
    data.passages.push_back({text});
    const auto start = static_cast<std::int64_t>(text.rfind(animals[i]));
    data.examples.push_back({.id = "who" + std::to_string(i),
                             .questions = {"who"},
                             .passage = i,
                             .target = SpanTarget{{{animals[i], start}}, false}});
    SpanTarget other{{{"the", 0}}, false};
    if (with_impossible) other = {{}, true};
    data.examples.push_back(
        {.id = "me" + std::to_string(i), .questions = {"me"}, .passage = i, .target = other});
  }
  return data;
}

Dataset pair_data(const std::string& task, std::size_t questions) {
  Dataset data{.name = task, .kind = parse_task(task).kind, .labels = parse_task(task).labels};
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl"};
  for (std::size_t i = 0; i < animals.size(); ++i) {
    data.passages.push_back({"the " + animals[i] + " sat", "high"});
    Example example{.id = task + std::to_string(i), .questions = {}, .passage = i};
    for (std::size_t j = 0; j < questions; ++j) example.questions.push_back(animals[j]);
    example.target = static_cast<int>(i % 2);
    data.examples.push_back(example);
  }
  return data;
}

class TeacherAnswersTest : public testing::Test {
 protected:
  TeacherAnswersTest() { at::set_num_threads(1); }

  [[nodiscard]] fs::path model(const std::string& name, test::TinyModelOptions options) const {
    fs::create_directories(directory_ / name);
    options.split_layer = 0;
    options.weight_scale = 0.3F;
    test::write_tiny_model(directory_ / name, options);
    return directory_ / name;
  }

  [[nodiscard]] static TrainingOptions options() {
    TrainingOptions options;
    options.split_layers = {1};
    options.batch_questions = 4;
    options.pass_tokens = 16;
    options.max_steps = 4;
    options.loss_weights = {.task = 0.5, .kd = 1};
    return options;
  }

  [[nodiscard]] fs::path file() const { return directory_ / "answers.safetensors"; }

  // Losses of the steps; the run goes to a new directory.
  std::vector<double> train(const Dataset& data, const TrainingOptions& training,
                            const TrainingHooks& hooks = {}) {
    const fs::path output = directory_ / ("out" + std::to_string(runs_++));
    Trainer trainer(base_, teacher_, output, training);
    finished_ = trainer.run({data}, hooks).finished;
    std::vector<double> losses;
    std::ifstream log(output / "training" / "log.jsonl");
    for (std::string line; std::getline(log, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.at("event") == "step") losses.push_back(json.at("loss"));
    }
    return losses;
  }

  // Runs with and without a file must agree, as far as fp16 does.
  void expect_same_losses(const Dataset& data) {
    TrainingOptions training = options();
    const std::vector<double> running = train(data, training);
    ASSERT_EQ(running.size(), 4U);
    training.teacher_answers = file();
    EXPECT_THAT(train(data, training), testing::Pointwise(testing::DoubleNear(1e-3), running));
    // Read, not computed.
    TrainingHooks hooks;
    hooks.on_teacher = [](const TeacherProgress&) { ADD_FAILURE() << "asked again"; };
    EXPECT_THAT(train(data, training, hooks),
                testing::Pointwise(testing::DoubleNear(1e-3), running));
    fs::remove(file());
  }

  test::TempDir directory_;
  fs::path base_ = model("base", {.seed = 1});
  fs::path teacher_ = model("teacher", {.seed = 7});
  bool finished_ = false;
  int runs_ = 0;
};

TEST_F(TeacherAnswersTest, GiveTheLossesOfATeacherThatRuns) {
  expect_same_losses(span_data(/*with_impossible=*/false));
  expect_same_losses(span_data(/*with_impossible=*/true));
}

TEST_F(TeacherAnswersTest, GiveThemForClassesAndChoicesToo) {
  base_ = model("classes", {.task = "mnli", .seed = 1});
  teacher_ = model("classes-teacher", {.task = "mnli", .seed = 7});
  expect_same_losses(pair_data("mnli", 1));
  base_ = model("choice", {.task = "race", .seed = 1});
  teacher_ = model("choice-teacher", {.task = "race", .seed = 7});
  expect_same_losses(pair_data("race", 3));
}

TEST_F(TeacherAnswersTest, MayComeFromATeacherOfAnotherSize) {
  teacher_ = model("wide", {.layers = 4, .hidden = 64, .seed = 7});
  expect_same_losses(span_data(/*with_impossible=*/true));
}

// A student of the teacher's architecture and one of another have the same answers to learn from.
TEST_F(TeacherAnswersTest, MayComeFromATeacherOfAnotherArchitecture) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  teacher_ = model("mpnet-teacher", {.architecture = "mpnet", .seed = 7});
  const fs::path bert = base_;
  for (const Dataset& data : {span_data(false), span_data(true)}) {
    base_ = model("mpnet", {.architecture = "mpnet", .seed = 1});
    train(data, training);
    const auto logits = [&] {
      const SafetensorsFile answers = SafetensorsFile::open(file());
      const auto bytes = answers.find("logits")->bytes;
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    };
    const std::vector<std::byte> own = logits();
    fs::remove(file());
    base_ = bert;
    EXPECT_EQ(train(data, training).size(), 4U);
    EXPECT_TRUE(logits() == own);
    fs::remove(file());
  }
}

TEST_F(TeacherAnswersTest, MayComeFromATeacherOfLongerWindowsAndSteps) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  base_ = model("short", {.window_tokens = 14, .window_step = 5, .seed = 1});
  EXPECT_EQ(train(span_data(false), training).size(), 4U);
}

TEST_F(TeacherAnswersTest, OfATeacherThatCutsTextsOtherwiseAreRefused) {
  TrainingOptions training = options();
  teacher_ = model("mpnet-teacher", {.architecture = "mpnet", .seed = 7});
  test::expect_error(ErrorCode::kIncompatible,
                     "teacher: expected architecture bert, found mpnet; with teacher answers",
                     [&] { train(span_data(false), training); });
  training.teacher_answers = file();
  teacher_ = model("xlnet-teacher", {.architecture = "xlnet", .seed = 7});
  test::expect_error(
      ErrorCode::kIncompatible,
      "teacher: question \"who1\": expected a tokenizer that cuts texts as the "
      "model's does, 8 tokens in its window and the answer at 5 to 7, found 7 tokens",
      [&] { train(span_data(false), training); });
  teacher_ =
      model("short-teacher", {.positions = 32, .window_tokens = 10, .window_step = 4, .seed = 7});
  test::expect_error(ErrorCode::kIncompatible, "teacher: with the lengths of the model it teaches",
                     [&] { train(span_data(false), training); });
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(TeacherAnswersTest, AreContinuedAfterAStop) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  const Dataset data = span_data(false);
  train(data, training);
  const std::string whole = read_file(file());
  fs::remove(file());

  std::atomic<bool> stop{false};
  TrainingHooks hooks;
  hooks.stop = &stop;
  std::size_t answered = 0;
  hooks.on_teacher = [&](const TeacherProgress& progress) {
    EXPECT_EQ(progress.of, 8U);
    answered = progress.examples;
    stop = true;
  };
  train(data, training, hooks);
  EXPECT_FALSE(finished_);
  EXPECT_GT(answered, 0U);
  EXPECT_LT(answered, 8U);
  EXPECT_NE(read_file(file()), whole);

  stop = false;
  std::optional<std::size_t> first;
  hooks.on_teacher = [&](const TeacherProgress& progress) {
    if (!first) first = progress.examples;
  };
  train(data, training, hooks);
  EXPECT_TRUE(finished_);
  EXPECT_GT(first.value_or(0), answered);
  EXPECT_TRUE(read_file(file()) == whole);
}

TEST_F(TeacherAnswersTest, OfAnotherTeacherLayoutOrDataAreRefusedAndKept) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  const Dataset data = span_data(false);
  train(data, training);
  const std::string before = read_file(file());

  test::expect_error(ErrorCode::kIncompatible, file().string() + ": data: expected",
                     [&] { train(span_data(true), training); });
  teacher_ = model("other", {.seed = 8});
  test::expect_error(ErrorCode::kIncompatible, file().string() + ": teacher: expected",
                     [&] { train(data, training); });
  // The same weights read otherwise.
  teacher_ = model("relu", {.hidden_act = Activation::kRelu, .seed = 7});
  test::expect_error(ErrorCode::kIncompatible, ": reading: expected",
                     [&] { train(data, training); });
  teacher_ = directory_ / "teacher";
  training.split_layers = {0};
  training.layout = Layout::kContinue;
  test::expect_error(ErrorCode::kIncompatible, ": layout: expected continue, found restart",
                     [&] { train(data, training); });
  EXPECT_TRUE(read_file(file()) == before);
}

TEST_F(TeacherAnswersTest, NeedKdAndNoLrs) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  training.loss_weights = kPaperLossWeights;
  test::expect_error(ErrorCode::kInvalidArgument, "teacher_answers: expected no lrs",
                     [&] { train(span_data(false), training); });
  training.loss_weights = {.task = 1};
  test::expect_error(ErrorCode::kInvalidArgument,
                     "teacher_answers: expected a weight of kd above 0, found 0",
                     [&] { train(span_data(false), training); });
}

TEST_F(TeacherAnswersTest, ThatAreDamagedAreRefused) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  const Dataset data = span_data(false);
  train(data, training);
  const SafetensorsFile good = SafetensorsFile::open(file());
  const TensorView logits = *good.find("logits");
  const Metadata metadata = good.metadata();
  const auto expect_refused = [&](const TensorView& view, const Metadata& facts,
                                  const std::string& text) {
    const fs::path path = directory_ / "damaged.safetensors";
    write_safetensors(path, {&view, 1}, facts);
    training.teacher_answers = path;
    test::expect_error(ErrorCode::kCorrupt, path.string() + ": " + text,
                       [&] { train(data, training); });
  };
  TensorView shorter = logits;
  shorter.shape[0] -= 1;
  shorter.bytes = shorter.bytes.first(shorter.bytes.size() - 2);
  expect_refused(shorter, metadata, "tensor \"logits\": expected F16 [");

  std::vector<std::byte> bytes(logits.bytes.begin(), logits.bytes.end());
  bytes[0] = bytes[1] = std::byte{0x7f};
  TensorView not_finite = logits;
  not_finite.bytes = bytes;
  expect_refused(not_finite, metadata, "tensor \"logits\": expected finite values");

  Metadata many = metadata;
  many["examples"] = "9";
  expect_refused(logits, many, "examples: expected a number of at most 8, found \"9\"");
}

TEST_F(TeacherAnswersTest, AreNotAskedForByARunThatCannotGoOn) {
  TrainingOptions training = options();
  training.teacher_answers = file();
  training.resume = true;
  const Dataset data = span_data(false);
  test::expect_error(ErrorCode::kNotFound,
                     "state.safetensors: expected the state of a run to resume, found no such file",
                     [&] { train(data, training); });
  EXPECT_FALSE(fs::exists(file()));
  // A state of other options, in the directory of the last run.
  train(data, options());
  --runs_;
  test::expect_error(ErrorCode::kIncompatible, "\"teacher_answers\":\"fp16\"",
                     [&] { train(data, training); });
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(TeacherAnswersTest, ThatCannotBeWrittenEndTheRunBeforeTheTeacherIsAsked) {
  TrainingOptions training = options();
  training.teacher_answers = directory_ / "absent" / "answers.safetensors";
  TrainingHooks hooks;
  hooks.on_teacher = [](const TeacherProgress&) { ADD_FAILURE() << "asked"; };
  test::expect_error(ErrorCode::kNotFound, "absent",
                     [&] { train(span_data(false), training, hooks); });
}

}  // namespace
}  // namespace deformer
