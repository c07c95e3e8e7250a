// Training of the tasks with classes and choices.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "deformer/known_datasets.h"
#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/training.h"
#include "model/model_access.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "train/held_out.h"
#include "train/training_model.h"
#include "train/training_set.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::SizeIs;

// Four sentences about animals, each with four questions; the class is higher for later animals, in
// the sentence as in the question.
Dataset toy_pairs(const std::string& name) {
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl"};
  const Task task = parse_task(name);
  Dataset data{.name = name,
               .kind = task.kind,
               .labels = task.labels,
               .positive_label = known_dataset(name).positive_label};
  const int classes = static_cast<int>(task.labels.size());
  for (int i = 0; i < 4; ++i) {
    data.passages.push_back({"the " + animals[static_cast<std::size_t>(i)] + " sat"});
    for (int j = 0; j < 4; ++j) {
      data.examples.push_back({.id = std::to_string(i * 4 + j),
                               .questions = {animals[static_cast<std::size_t>(j)]},
                               .passage = static_cast<std::size_t>(i),
                               .target = (i + j) * classes / 7});
    }
  }
  return data;
}

// Which animal each of four articles is about; the last question of each has no answer.
Dataset toy_race() {
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl"};
  Dataset data{.name = "race", .kind = TaskKind::kChoice};
  for (int i = 0; i < 4; ++i) {
    const auto article = static_cast<std::size_t>(i);
    const std::string name = "article" + std::to_string(i);
    data.passages.push_back({"the " + animals[article] + " sat", "high"});
    Example asked{.id = name + "-0", .questions = {}, .passage = article, .target = i};
    for (const auto& animal : animals) asked.questions.push_back(fill_option("a _ sat", animal));
    data.examples.push_back(asked);
    data.examples.push_back(
        {.id = name + "-1", .questions = {"who me", "who cat"}, .passage = article});
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

  [[nodiscard]] static TrainingOptions options(const std::string& task) {
    TrainingOptions options;
    options.task = parse_task(task);
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

  TrainingResult train(const fs::path& base, const TrainingOptions& training, Dataset data,
                       const fs::path& teacher = {}) const {
    return Trainer(base, teacher, directory_ / "out", training).run({std::move(data)});
  }

  test::TempDir directory_;
};

TEST_F(PairTrainingTest, RefusesWhatOnlySpansHave) {
  TrainingOptions training = options("boolq");
  training.negatives = Negatives::kKeep;
  const fs::path base = write_base("base", {.split_layer = 0});
  test::expect_error(ErrorCode::kInvalidArgument, "negatives: expected a task of spans",
                     [&] { (void)train(base, training, toy_pairs("boolq")); });
}

TEST_F(PairTrainingTest, LearnsTheClassesOfItsExamples) {
  for (const std::string architecture : {"bert", "xlnet", "mpnet"}) {
    for (const std::string task : {"boolq", "mnli"}) {
      const std::string name = architecture + task;
      const fs::path base = write_base(name, {.architecture = architecture, .split_layer = 0});
      const Dataset data = toy_pairs(task);
      Trainer trainer(base, {}, directory_ / (name + "-out"), options(task));
      EXPECT_EQ(trainer.task(), TaskKind::kClasses);
      ASSERT_TRUE(trainer.run({data}).finished);
      const auto model = Model::load(directory_ / (name + "-out"));
      EXPECT_EQ(model->config().task, TaskKind::kClasses);
      EXPECT_EQ(model->config().labels, data.labels);
      EXPECT_EQ(model->config().split.split_layer, 1);
      std::size_t right = 0;
      for (const Example& example : data.examples) {
        const std::vector<PairRequest> request{
            {"", example.questions[0], {"", data.passage_of(example)}}};
        right += PairClassifier(model).classify(request)[0].label == example.label() ? 1 : 0;
      }
      EXPECT_EQ(right, data.examples.size()) << name;
    }
  }
}

TEST_F(PairTrainingTest, LearnsWhichOptionIsRight) {
  const fs::path base = write_base("base", {.split_layer = 0});
  const Dataset data = toy_race();
  ASSERT_TRUE(train(base, options("race"), data).finished);
  const auto model = Model::load(directory_ / "out");
  ASSERT_EQ(model->config().task, TaskKind::kChoice);
  for (const Example& example : data.examples) {
    if (!example.label()) continue;
    const std::vector<ChoiceRequest> request{
        {example.id, example.questions, {"", data.passage_of(example)}}};
    EXPECT_EQ(MultipleChoice(model).choose(request)[0].choice, *example.label()) << example.id;
  }
}

TEST_F(PairTrainingTest, AStudentThatIsItsTeacherHasNothingToLearnFromIt) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = "qqp"});
  TrainingOptions training = options("qqp");
  training.split_layers = {0};
  training.max_steps = 1;
  training.loss_weights = {.task = 0, .kd = 1, .lrs = 1};
  std::optional<StepLosses> losses;
  Trainer trainer(base, base, directory_ / "out", training);
  trainer.run({toy_pairs("qqp")},
              {.on_step = [&](const TrainingProgress& progress) { losses = progress.losses; }});
  ASSERT_TRUE(losses && losses->kd && losses->lrs);
  EXPECT_NEAR(*losses->kd, 0, 1e-6);
  EXPECT_NEAR(*losses->lrs, 0, 1e-6);
}

TEST_F(PairTrainingTest, ScoresHeldOutExamplesByAccuracy) {
  const fs::path base = write_base("base", {.split_layer = 0});
  TrainingOptions training = options("qqp");
  training.max_steps = 2;
  training.held_out_questions = 4;
  const TrainingResult result = train(base, training, toy_pairs("qqp"));
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
  test::expect_error(ErrorCode::kInvalidArgument,
                     "expected labels among false, true, found \"not_duplicate\"",
                     [&] { train(base, options("boolq"), toy_pairs("qqp")); });
  test::expect_error(ErrorCode::kInvalidArgument,
                     "expected data for classes, found data for choice (race)",
                     [&] { train(base, options("boolq"), toy_race()); });
}

TEST_F(PairTrainingTest, TakesOverTheHeadOfAnOrdinaryCheckpointWithItsOrderOfClasses) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = "mnli"});
  nlohmann::json config = config_of("base");
  config.erase("deformer");
  config["id2label"] = {{"0", "contradiction"}, {"1", "entailment"}, {"2", "neutral"}};
  write_file(base / "config.json", config.dump());
  const TrainingModel reader = load_training_model(base, {.task = parse_task("mnli")});
  EXPECT_THAT(reader.config.labels, ElementsAre("contradiction", "entailment", "neutral"));
  const auto model = Model::load(base, {.task = parse_task("mnli")});
  std::vector<Parameter> expected;
  ModelAccess::head(*model)->append_parameters(expected);
  const auto found = reader.parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Parameter& parameter = found[found.size() - expected.size() + i];
    EXPECT_EQ(parameter.names, expected[i].names);
    EXPECT_TRUE(at::equal(parameter.value, expected[i].value)) << parameter.names[0];
  }
}

TEST_F(PairTrainingTest, AHeadOfAnotherTaskIsReplaced) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = "boolq"});
  const TrainingModel reader = load_training_model(base, {.task = parse_task("mnli")});
  EXPECT_THAT(reader.config.labels, SizeIs(3));
  const auto parameters = reader.parameters();
  EXPECT_EQ(parameters[parameters.size() - 2].value.size(0), 3);
  const TrainingModel span = load_training_model(base, {.task = parse_task("span")});
  EXPECT_EQ(span.parameters().back().names, std::vector<std::string>{"qa_outputs.bias"});
}

// As many labels of tokens as the task has classes.
TEST_F(PairTrainingTest, AHeadForOtherLabelsOfTokensIsReplaced) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = "boolq"});
  nlohmann::json config = config_of("base");
  config.erase("deformer");
  config.erase("label2id");
  config["architectures"] = nlohmann::json::array({"BertForTokenClassification"});
  const auto weight_with = [&](const std::string& first, const std::string& second) {
    config["id2label"] = {{"0", first}, {"1", second}};
    write_file(base / "config.json", config.dump());
    const TrainingModel reader = load_training_model(base, {.task = parse_task("boolq")});
    EXPECT_THAT(reader.config.labels, ElementsAre("false", "true"));
    const auto parameters = reader.parameters();
    return parameters[parameters.size() - 2].value;
  };
  const at::Tensor own = weight_with("LABEL_0", "LABEL_1");
  EXPECT_TRUE(at::equal(weight_with("false", "true"), own));
  const at::Tensor replaced = weight_with("O", "B-PER");
  EXPECT_EQ(replaced.sizes(), own.sizes());
  EXPECT_FALSE(at::equal(replaced, own));
}

// Where a span reader says itself where its passage stands, that is no other task's place.
TEST_F(PairTrainingTest, ThePassageStandsWhereTheTaskHasIt) {
  const fs::path base = write_base("base", {.split_layer = 0});
  nlohmann::json config = config_of("base");
  config["deformer"]["passage_place"] = "second";
  write_file(base / "config.json", config.dump());
  const auto place_for = [&](const std::string& task) {
    return passage_place(load_training_model(base, {.task = parse_task(task)}).config);
  };
  EXPECT_EQ(place_for("mnli"), PassagePlace::kFirst);
  EXPECT_EQ(place_for("boolq"), PassagePlace::kSecond);
  EXPECT_EQ(place_for("span"), PassagePlace::kSecond);
}

// Several labels at once, or a number: such outputs are no choice of one class.
TEST_F(PairTrainingTest, AHeadOfAnotherProblemIsReplaced) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = "mnli"});
  nlohmann::json config = config_of("base");
  config.erase("deformer");
  const auto weight_of_output = [&] {
    const auto parameters = load_training_model(base, {.task = parse_task("mnli")}).parameters();
    return parameters[parameters.size() - 2].value;
  };
  // Named classes, nameless ones, and a file that names no class at all.
  for (const char* left_out : {"", "id2label", "architectures"}) {
    if (*left_out != '\0') config.erase(left_out);
    config["num_labels"] = 3;
    config.erase("problem_type");
    write_file(base / "config.json", config.dump());
    const at::Tensor own = weight_of_output();
    config["problem_type"] = "multi_label_classification";
    write_file(base / "config.json", config.dump());
    const at::Tensor replaced = weight_of_output();
    EXPECT_EQ(own.sizes(), replaced.sizes()) << left_out;
    EXPECT_FALSE(at::equal(own, replaced)) << left_out;
    test::expect_error(ErrorCode::kUnsupported, "problem_type: expected single_label", [&] {
      static_cast<void>(
          load_training_model(base, {.task = parse_task("mnli"), .needs_head = true}));
    });
  }
}

TEST_F(PairTrainingTest, ABaseOfAnotherProblemIsTrainedForAnyTask) {
  const fs::path base = write_base("base", {.split_layer = 0, .task = "mnli"});
  nlohmann::json config = config_of("base");
  config.erase("deformer");
  config["problem_type"] = "multi_label_classification";
  write_file(base / "config.json", config.dump());
  const auto train_for = [&](const std::string& task, const Dataset& data,
                             const fs::path& teacher = {}) {
    TrainingOptions training = options(task);
    training.max_steps = 1;
    if (!teacher.empty()) training.loss_weights = {.task = 0.5, .kd = 1};
    const fs::path output = directory_ / (task + (teacher.empty() ? "" : "-taught"));
    EXPECT_TRUE(Trainer(base, teacher, output, training).run({data}).finished) << task;
    EXPECT_EQ(Model::load(output)->config().task, parse_task(task).kind);
  };
  Dataset span{.name = "span", .kind = TaskKind::kSpan};
  span.passages.push_back({"the cat sat"});
  span.examples.push_back(
      {.id = "a", .questions = {"who"}, .passage = 0, .target = SpanTarget{{{"cat", 4}}, false}});
  train_for("span", span);
  train_for("mnli", toy_pairs("mnli"));
  test::expect_error(ErrorCode::kUnsupported, "problem_type: expected single_label",
                     [&] { train_for("mnli", toy_pairs("mnli"), base); });
  test::expect_error(ErrorCode::kUnsupported, "problem_type: expected single_label",
                     [&] { static_cast<void>(Model::load(base)); });
}

TEST_F(PairTrainingTest, ExamplesOnOnePassageShareItsWindow) {
  const TrainingModel reader =
      load_training_model(write_base("base", {.split_layer = 0}), {.task = parse_task("mnli")});
  Dataset data = toy_pairs("mnli");
  std::swap(data.examples[1], data.examples[9]);
  data.examples[2].target = {};
  use_labels(data, {"neutral", "contradiction", "entailment"});
  SplitConfig split = reader.config.split;
  split.window_tokens = 2;
  const TrainingSet set = make_training_set(data, *reader.tokenizer, split, Negatives::kDrop);
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
  const TrainingModel reader =
      load_training_model(write_base("base", {.split_layer = 0}), {.task = parse_task("race")});
  Dataset data = toy_race();
  const auto make = [&] {
    return make_training_set(data, *reader.tokenizer, reader.config.split, Negatives::kDrop);
  };
  const TrainingSet set = make();
  EXPECT_EQ(set.pairs_per_example, 4U);
  EXPECT_EQ(set.num_examples(), 4U);
  EXPECT_THAT(set.labels, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(set.report.without_answer, 4U);
  data.examples[3].target = 0;
  test::expect_error(ErrorCode::kInvalidArgument,
                     "question article1-1: expected 4 options as the first one has, found 2",
                     [&] { static_cast<void>(make()); });
}

TEST(PairHeldOut, TakesAllExamplesOfAPassageWherever) {
  Dataset second = toy_pairs("mnli");
  second.examples[0].target = {};
  Dataset data = join({toy_pairs("mnli"), second});
  const Dataset held_out = take_held_out(data, 5, 1);
  EXPECT_THAT(held_out.passages, SizeIs(1));
  EXPECT_GE(held_out.examples.size(), 7U);
  EXPECT_THAT(data.examples, SizeIs(24));
  for (const Example& example : data.examples) {
    EXPECT_NE(data.passage_of(example), held_out.passages[0].text);
  }
  test::expect_error(ErrorCode::kInvalidArgument, "held-out questions: expected fewer",
                     [&] { static_cast<void>(take_held_out(data, 1000, 1)); });
}

TEST(PairHeldOut, TakesWholeArticlesOfRace) {
  Dataset data = toy_race();
  const Dataset held_out = take_held_out(data, 2, 1);
  EXPECT_THAT(held_out.passages, SizeIs(2));
  EXPECT_THAT(data.passages, SizeIs(2));
  EXPECT_THAT(held_out.examples, SizeIs(2));
  for (const Example& example : held_out.examples) EXPECT_TRUE(example.label().has_value());
}

}  // namespace
}  // namespace deformer
