// Training of the tasks with classes and choices.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/training.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "train/held_out.h"
#include "train/train_reader.h"
#include "train/training_set.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::SizeIs;

// Four sentences about animals, each with four questions; the class is higher for later animals, in
// the sentence as in the question.
PairDataset toy_pairs(Task task, int classes) {
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl"};
  PairDataset data{.task = task, .examples = {}};
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      data.examples.push_back({.id = std::to_string(i * 4 + j),
                               .question = animals[static_cast<std::size_t>(j)],
                               .passage = "the " + animals[static_cast<std::size_t>(i)] + " sat",
                               .label = (i + j) * classes / 7});
    }
  }
  return data;
}

// Which animal each of four articles is about.
RaceDataset toy_race() {
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl"};
  RaceDataset data;
  for (int i = 0; i < 4; ++i) {
    const auto name = "article" + std::to_string(i);
    data.articles.push_back(
        {.id = name,
         .level = "high",
         .text = "the " + animals[static_cast<std::size_t>(i)] + " sat",
         .questions = {{name + "-0", "a _ sat", animals, i},
                       {name + "-1", "who", {"me", animals[0]}, std::nullopt}}});
  }
  return data;
}

class PairTrainingTest : public testing::Test {
 protected:
  PairTrainingTest() { at::set_num_threads(1); }

  [[nodiscard]] fs::path write_base(const std::string& name,
                                    test::TinyModelOptions options = {}) const {
    options.weight_scale = 0.08F;
    fs::create_directories(directory_ / name);
    test::write_tiny_model(directory_ / name, options);
    return directory_ / name;
  }

  [[nodiscard]] static TrainingOptions options(Task task) {
    TrainingOptions options;
    options.task = task;
    options.split_layers = {1};
    options.batch_questions = 8;
    options.learning_rate = 3e-3;
    options.warmup = 0.1;
    options.dropout = 0;
    options.max_steps = 150;
    return options;
  }

  [[nodiscard]] nlohmann::json config_of(const std::string& name) const {
    return nlohmann::json::parse(read_file(directory_ / name / "config.json"));
  }

  template <typename Dataset>
  TrainingResult train(const fs::path& base, const TrainingOptions& training,
                       const std::vector<Dataset>& files, const fs::path& teacher = {}) const {
    return Trainer(base, teacher, directory_ / "out", training).run(files);
  }

  test::TempDir directory_;
};

TEST_F(PairTrainingTest, LearnsTheClassesOfItsExamples) {
  for (const std::string architecture : {"bert", "xlnet", "mpnet"}) {
    for (const auto& [task, classes] : {std::pair(Task::kBoolq, 2), std::pair(Task::kMnli, 3)}) {
      const std::string name = architecture + to_string(task);
      const fs::path base = write_base(name, {.architecture = architecture, .split_layer = 0});
      const PairDataset data = toy_pairs(task, classes);
      Trainer trainer(base, {}, directory_ / (name + "-out"), options(task));
      EXPECT_EQ(trainer.task(), task);
      ASSERT_TRUE(trainer.run(std::vector{data}).finished);
      const auto model = Model::load(directory_ / (name + "-out"));
      EXPECT_EQ(model->config().task, task);
      EXPECT_EQ(model->config().split.split_layer, 1);
      std::size_t right = 0;
      for (const PairExample& example : data.examples) {
        const std::vector<PairRequest> request{{"", example.question, {"", example.passage}}};
        right += PairClassifier(model).classify(request)[0].label == example.label ? 1 : 0;
      }
      EXPECT_EQ(right, data.examples.size()) << name;
    }
  }
}

TEST_F(PairTrainingTest, LearnsWhichOptionIsRight) {
  const fs::path base = write_base("base", {.split_layer = 0});
  const RaceDataset data = toy_race();
  ASSERT_TRUE(train(base, options(Task::kRace), std::vector{data}).finished);
  const auto model = Model::load(directory_ / "out");
  ASSERT_EQ(model->config().task, Task::kRace);
  for (const RaceArticle& article : data.articles) {
    ChoiceRequest request{.id = article.id, .choices = {}, .passage = {"", article.text}};
    for (const std::string& option : article.questions[0].options) {
      request.choices.push_back(fill_option(article.questions[0].question, option));
    }
    const auto result = MultipleChoice(model).choose(std::vector{request});
    EXPECT_EQ(result[0].choice, *article.questions[0].answer) << article.id;
  }
}

TEST_F(PairTrainingTest, AStudentThatIsItsTeacherHasNothingToLearnFromIt) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = Task::kQqp});
  TrainingOptions training = options(Task::kQqp);
  training.split_layers = {0};
  training.max_steps = 1;
  training.loss_weights = {.task = 0, .kd = 1, .lrs = 1};
  std::optional<StepLosses> losses;
  Trainer trainer(base, base, directory_ / "out", training);
  trainer.run(std::vector{toy_pairs(Task::kQqp, 2)},
              {.on_step = [&](const TrainingProgress& progress) { losses = progress.losses; }});
  ASSERT_TRUE(losses && losses->kd && losses->lrs);
  EXPECT_NEAR(*losses->kd, 0, 1e-6);
  EXPECT_NEAR(*losses->lrs, 0, 1e-6);
}

TEST_F(PairTrainingTest, ScoresHeldOutExamplesByAccuracy) {
  const fs::path base = write_base("base", {.split_layer = 0});
  TrainingOptions training = options(Task::kQqp);
  training.max_steps = 2;
  training.held_out_questions = 4;
  const TrainingResult result = train(base, training, std::vector{toy_pairs(Task::kQqp, 2)});
  EXPECT_EQ(result.data.held_out, 4U);
  ASSERT_TRUE(result.best && result.best->accuracy && result.best->f1);
  EXPECT_FALSE(result.best->exact);
  EXPECT_EQ(result.best->main(), *result.best->accuracy);
  std::string evaluation;
  std::ifstream log(directory_ / "out" / "training" / "log.jsonl");
  for (std::string line; std::getline(log, line);) {
    if (line.find("evaluation") != std::string::npos) evaluation = line;
  }
  EXPECT_THAT(evaluation, testing::HasSubstr("\"accuracy\":"));
}

TEST_F(PairTrainingTest, RefusesDataOfAnotherTask) {
  const fs::path base = write_base("base", {.split_layer = 0});
  test::expect_error(
      ErrorCode::kInvalidArgument, "expected data of task boolq, found data of qqp",
      [&] { train(base, options(Task::kBoolq), std::vector{toy_pairs(Task::kQqp, 2)}); });
  test::expect_error(ErrorCode::kInvalidArgument, "expected data of task boolq, found data of race",
                     [&] { train(base, options(Task::kBoolq), std::vector{toy_race()}); });
}

TEST_F(PairTrainingTest, TakesOverTheHeadOfAnOrdinaryCheckpointWithItsOrderOfClasses) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = Task::kMnli});
  nlohmann::json config = config_of("base");
  config.erase("deformer");
  config["id2label"] = {{"0", "contradiction"}, {"1", "entailment"}, {"2", "neutral"}};
  write_file(base / "config.json", config.dump());
  const TrainReader reader = load_train_reader(base, {.task = Task::kMnli});
  EXPECT_THAT(reader.config.labels, ElementsAre("contradiction", "entailment", "neutral"));
  const auto model = Model::load(base, {.task = Task::kMnli});
  std::vector<Parameter> expected;
  model->head()->append_parameters(expected);
  const auto found = reader.parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Parameter& parameter = found[found.size() - expected.size() + i];
    EXPECT_EQ(parameter.names, expected[i].names);
    EXPECT_TRUE(at::equal(parameter.value, expected[i].value)) << parameter.names[0];
  }
}

TEST_F(PairTrainingTest, AHeadOfAnotherTaskIsReplaced) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = Task::kBoolq});
  const TrainReader reader = load_train_reader(base, {.task = Task::kMnli});
  EXPECT_THAT(reader.config.labels, SizeIs(3));
  const auto parameters = reader.parameters();
  EXPECT_EQ(parameters[parameters.size() - 2].value.size(0), 3);
  const TrainReader span = load_train_reader(base, {.task = Task::kSpan});
  EXPECT_EQ(span.parameters().back().names, std::vector<std::string>{"qa_outputs.bias"});
}

TEST_F(PairTrainingTest, ExamplesOnOnePassageShareItsWindow) {
  const TrainReader reader =
      load_train_reader(write_base("base", {.split_layer = 0}), {.task = Task::kMnli});
  PairDataset data = toy_pairs(Task::kMnli, 3);
  std::swap(data.examples[1], data.examples[9]);
  data.examples[2].label.reset();
  ModelConfig config = reader.config;
  config.labels = {"neutral", "contradiction", "entailment"};
  config.split.window_tokens = 2;
  const TrainingSet set = make_training_set(std::vector{data}, *reader.tokenizer, config);
  EXPECT_THAT(set.windows, SizeIs(4));
  EXPECT_THAT(set.windows[0], SizeIs(2));
  EXPECT_EQ(set.report.cut_passages, 4U);
  EXPECT_EQ(set.report.without_answer, 1U);
  ASSERT_THAT(set.pairs, SizeIs(15));
  for (std::size_t i = 1; i < set.pairs.size(); ++i) {
    EXPECT_GE(set.pairs[i].window, set.pairs[i - 1].window);
  }
  // The first example is of class 0, entailment: output 2 of this head.
  EXPECT_EQ(set.question_ids[0], "0");
  EXPECT_EQ(set.labels[0], 2);
}

TEST_F(PairTrainingTest, OptionsOfAQuestionStandTogether) {
  const TrainReader reader =
      load_train_reader(write_base("base", {.split_layer = 0}), {.task = Task::kRace});
  RaceDataset data = toy_race();
  const TrainingSet set = make_training_set(std::vector{data}, *reader.tokenizer, reader.config);
  EXPECT_EQ(set.pairs_per_example, 4U);
  EXPECT_EQ(set.num_examples(), 4U);
  EXPECT_THAT(set.labels, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(set.report.without_answer, 4U);
  data.articles[1].questions[1].answer = 0;
  test::expect_error(
      ErrorCode::kInvalidArgument,
      "question article1-1: expected 4 options as the first one has, found 2", [&] {
        static_cast<void>(make_training_set(std::vector{data}, *reader.tokenizer, reader.config));
      });
}

TEST(PairHeldOut, TakesAllExamplesOfAPassageWherever) {
  std::vector<PairDataset> files{toy_pairs(Task::kMnli, 3), toy_pairs(Task::kMnli, 3)};
  files[1].examples[0].label.reset();
  const PairDataset held_out = take_held_out(files, 5, 1);
  std::set<std::string> taken;
  for (const PairExample& example : held_out.examples) taken.insert(example.passage);
  EXPECT_EQ(taken.size(), 1U);
  EXPECT_GE(held_out.examples.size(), 7U);
  for (const PairDataset& file : files) {
    EXPECT_THAT(file.examples, SizeIs(12));
    for (const PairExample& example : file.examples) EXPECT_FALSE(taken.contains(example.passage));
  }
  test::expect_error(ErrorCode::kInvalidArgument, "held-out questions: expected fewer",
                     [&] { static_cast<void>(take_held_out(files, 1000, 1)); });
}

TEST(PairHeldOut, TakesWholeArticlesOfRace) {
  std::vector<RaceDataset> files{toy_race()};
  const RaceDataset held_out = take_held_out(files, 3, 1);
  EXPECT_THAT(held_out.articles, SizeIs(2));
  EXPECT_THAT(files[0].articles, SizeIs(2));
  for (const RaceArticle& article : held_out.articles) EXPECT_THAT(article.questions, SizeIs(1));
}

}  // namespace
}  // namespace deformer
