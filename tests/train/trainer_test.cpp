#include "deformer/training.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "base/file.h"
#include "base/processor.h"
#include "deformer/model.h"
#include "deformer/span_qa.h"
#include "deformer/tokenizer.h"
#include "format/safetensors.h"
#include "model/model_access.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "train/training_model.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

// Eight passages "<colour> <animal> lives in <place>" with two questions each: learnable by heart,
// and by reading.
SquadDataset toy_dataset() {
  const std::vector<std::string> animals{"cat", "dog", "fox", "owl", "bee", "elk", "hen", "ape"};
  const std::vector<std::string> places{"rome", "oslo", "kiel", "lyon",
                                        "bonn", "graz", "bern", "nice"};
  SquadDataset data;
  data.articles.emplace_back();
  for (std::size_t i = 0; i < animals.size(); ++i) {
    SquadParagraph paragraph;
    paragraph.context = "the " + animals[i] + " is in " + places[i];
    const auto place_start = static_cast<std::int64_t>(paragraph.context.find(places[i]));
    paragraph.questions.push_back({.id = "where" + std::to_string(i),
                                   .question = "where",
                                   .answers = {{places[i], place_start}}});
    paragraph.questions.push_back(
        {.id = "who" + std::to_string(i), .question = "who", .answers = {{animals[i], 4}}});
    data.articles[0].paragraphs.push_back(paragraph);
  }
  return data;
}

SquadDataset paragraph_of_its_own() {
  SquadDataset data;
  data.articles.emplace_back();
  data.articles[0].paragraphs.push_back(
      {"the cow is in ulm", {{.id = "cow", .question = "where", .answers = {{"ulm", 14}}}}});
  return data;
}

// Ends a run after a step.
struct StopAfter {
  explicit StopAfter(std::uint64_t step) {
    hooks.stop = &stop;
    hooks.on_step = [this, step](const TrainingProgress& progress) {
      stop = progress.step == step;
    };
  }
  StopAfter(const StopAfter&) = delete;
  StopAfter& operator=(const StopAfter&) = delete;

  std::atomic<bool> stop{false};
  TrainingHooks hooks;
};

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() { at::set_num_threads(1); }

  // Small weights, so that training has a start to go from.
  [[nodiscard]] fs::path base(const std::string& name = "base", std::uint64_t seed = 1,
                              bool head = true, const std::string& architecture = "bert") const {
    fs::create_directories(directory_ / name);
    test::write_tiny_model(directory_ / name, {.architecture = architecture,
                                               .split_layer = 0,
                                               .span_head = head,
                                               .seed = seed,
                                               .weight_scale = 0.08f});
    return directory_ / name;
  }

  [[nodiscard]] static TrainingOptions options() {
    TrainingOptions options;
    options.split_layers = {1};
    options.batch_questions = 6;
    options.pass_tokens = 60;
    options.max_steps = 8;
    options.learning_rate = 3e-3;
    options.warmup = 0.1;
    return options;
  }

  // Four steps, scored after every second.
  [[nodiscard]] static TrainingOptions scored_options() {
    TrainingOptions scored = options();
    scored.max_steps = 4;
    scored.held_out_questions = 4;
    scored.evaluate_every = 2;
    return scored;
  }

  TrainingResult train(const std::string& output, const TrainingOptions& options,
                       const TrainingHooks& hooks = {}, const fs::path& teacher = {}) const {
    Trainer trainer(base(), teacher, directory_ / output, options);
    return trainer.run({to_dataset(toy_dataset())}, hooks);
  }

  [[nodiscard]] std::string weights(const std::string& output) const {
    return read_file(directory_ / output / "model.safetensors");
  }

  [[nodiscard]] std::vector<nlohmann::json> log_of(const std::string& output) const {
    std::vector<nlohmann::json> lines;
    std::ifstream file(directory_ / output / "training" / "log.jsonl");
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  test::TempDir directory_;
};

TEST_F(TrainerTest, LearnsToAnswerItsTrainingQuestions) {
  TrainingOptions training = options();
  training.max_steps = 150;
  training.dropout = 0;
  train("out", training);
  const auto model = Model::load(directory_ / "out");
  EXPECT_EQ(model->config().split.split_layer, 1);
  const SpanQa reader(model);
  std::size_t right = 0;
  const SquadDataset data = toy_dataset();
  for (const SquadParagraph& paragraph : data.articles[0].paragraphs) {
    for (const SquadQuestion& question : paragraph.questions) {
      const std::vector<QaRequest> request{
          {question.id, question.question, {{"p", paragraph.context}}}};
      right += reader.answer(request)[0].answers[0].text == question.answers[0].text ? 1 : 0;
    }
  }
  EXPECT_EQ(right, 16U);
}

TEST_F(TrainerTest, TwoRunsWithOneSeedAreBitEqual) {
  train("a", options());
  train("b", options());
  EXPECT_EQ(weights("a"), weights("b"));
  TrainingOptions other = options();
  other.seed = 2;
  train("c", other);
  EXPECT_NE(weights("a"), weights("c"));
}

TEST_F(TrainerTest, AResumedRunEndsInTheWeightsOfAnUninterruptedOne) {
  TrainingOptions training = options();
  training.loss_weights = kPaperLossWeights;
  training.split_layers = {0, 1};
  const fs::path teacher = base("teacher", 7);
  train("whole", training, {}, teacher);

  std::atomic<bool> stop{false};
  TrainingHooks hooks;
  hooks.stop = &stop;
  hooks.on_step = [&](const TrainingProgress& progress) { stop = progress.step == 3; };
  const TrainingResult stopped = train("parts", training, hooks, teacher);
  EXPECT_FALSE(stopped.finished);
  EXPECT_EQ(stopped.steps, 3U);
  EXPECT_FALSE(fs::exists(directory_ / "parts" / "model.safetensors"));
  training.resume = true;
  const TrainingResult resumed = train("parts", training, {}, teacher);
  EXPECT_TRUE(resumed.finished);
  EXPECT_EQ(weights("whole"), weights("parts"));

  std::vector<std::uint64_t> steps;
  for (const auto& line : log_of("parts")) {
    if (line.at("event") == "step") steps.push_back(line.at("step"));
  }
  EXPECT_THAT(steps, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(TrainerTest, RunsOnce) {
  TrainingOptions training = options();
  training.resume = false;
  std::atomic<bool> stop{false};
  TrainingHooks hooks;
  hooks.stop = &stop;
  hooks.on_step = [&](const TrainingProgress&) { stop = true; };
  Trainer trainer(base(), {}, directory_ / "out", training);
  EXPECT_FALSE(trainer.run({to_dataset(toy_dataset())}, hooks).finished);
  test::expect_error(ErrorCode::kInvalidArgument, "expected one run of this object",
                     [&] { trainer.run({to_dataset(toy_dataset())}); });
}

TEST_F(TrainerTest, RefusesToResumeARunWithOtherOptions) {
  train("out", options());
  TrainingOptions other = options();
  other.resume = true;
  other.learning_rate = 1e-3;
  test::expect_error(ErrorCode::kIncompatible, "\"learning_rate\":0.001",
                     [&] { train("out", other); });
}

// The base is read again: its sizes and functions must be those that were trained.
TEST_F(TrainerTest, RefusesToResumeFromAnotherBase) {
  train("out", options());
  const fs::path config = directory_ / "base" / "config.json";
  nlohmann::json changed = nlohmann::json::parse(read_file(config));
  changed["hidden_act"] = "relu";
  write_file(config, changed.dump());
  TrainingOptions training = options();
  training.resume = true;
  Trainer trainer(directory_ / "base", {}, directory_ / "out", training);
  test::expect_error(ErrorCode::kIncompatible,
                     "\"config\":", [&] { trainer.run({to_dataset(toy_dataset())}); });
}

TEST_F(TrainerTest, RefusesToResumeFromOtherWeightsOrAnotherVocabulary) {
  train("out", options());
  TrainingOptions training = options();
  training.resume = true;
  const auto resume = [&](const fs::path& from) {
    Trainer trainer(from, {}, directory_ / "out", training);
    EXPECT_TRUE(trainer.run({to_dataset(toy_dataset())}).finished);
  };
  test::expect_error(ErrorCode::kIncompatible, "\"base\":", [&] { resume(base("other", 2)); });
  // A word that the data do not have: their ids stay.
  const fs::path renamed = base("renamed");
  std::string words = read_file(renamed / "vocab.txt");
  words.replace(words.find("\nriver\n"), 7, "\nlakes\n");
  write_file(renamed / "vocab.txt", words);
  test::expect_error(ErrorCode::kIncompatible, "\"tokenizer\":", [&] { resume(renamed); });
  resume(base());
}

// What older versions wrote.
void forget_base(const fs::path& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  const std::vector<TensorView> tensors(file.tensors().begin(), file.tensors().end());
  Metadata metadata = file.metadata();
  nlohmann::json position = nlohmann::json::parse(metadata.at("state"));
  auto recipe = nlohmann::ordered_json::parse(position.at("recipe").get<std::string>());
  EXPECT_EQ(recipe.erase("base") + recipe.erase("tokenizer"), 2U);
  position["recipe"] = recipe.dump();
  metadata["state"] = position.dump();
  write_safetensors(path, tensors, metadata);
}

TEST_F(TrainerTest, GoesOnWithAStateThatSaysNothingOfTheBase) {
  train("whole", options());
  const StopAfter stop(3);
  EXPECT_FALSE(train("parts", options(), stop.hooks).finished);
  forget_base(directory_ / "parts" / "training" / "state.safetensors");
  TrainingOptions training = options();
  training.resume = true;
  training.learning_rate = 1e-3;
  test::expect_error(ErrorCode::kIncompatible, "\"learning_rate\":0.001",
                     [&] { train("parts", training); });
  training.learning_rate = options().learning_rate;
  EXPECT_TRUE(train("parts", training).finished);
  EXPECT_EQ(weights("whole"), weights("parts"));
}

// Killed while the weights of the last step are scored, with its checkpoint written.
TEST_F(TrainerTest, AResumedRunScoresTheLastStepThatWasNotScored) {
  TrainingOptions training = options();
  training.max_steps = 4;
  training.held_out_questions = 4;
  training.evaluate_every = 2;
  TrainingHooks hooks;
  hooks.on_score = [](const TrainingScore& score) {
    if (score.step == 4) throw std::runtime_error("killed");
  };
  EXPECT_THROW(train("out", training, hooks), std::exception);
  training.resume = true;
  hooks = {};
  hooks.on_step = [](const TrainingProgress&) { ADD_FAILURE() << "trained again"; };
  const TrainingResult resumed = train("out", training, hooks);
  ASSERT_EQ(resumed.scores.size(), 1U);
  EXPECT_EQ(resumed.scores.front().step, 4U);
  EXPECT_TRUE(train("out", training).scores.empty()) << "scored once";
}

TEST_F(TrainerTest, AScoreThatIsMadeAgainStandsOnceInTheLog) {
  TrainingOptions training = scored_options();
  TrainingHooks hooks;
  hooks.on_score = [](const TrainingScore& score) {
    if (score.step == 4) throw std::runtime_error("killed");
  };
  EXPECT_THROW(train("out", training, hooks), std::exception);
  training.resume = true;
  train("out", training);
  std::vector<std::uint64_t> scored;
  for (const auto& line : log_of("out")) {
    if (line.at("event") == "evaluation") scored.push_back(line.at("step"));
  }
  EXPECT_THAT(scored, ElementsAre(2, 4));
}

// A model without its run's state would be taken for another's.
TEST_F(TrainerTest, HasACheckpointBeforeItsFirstScore) {
  TrainingHooks hooks;
  int calls = 0;
  hooks.on_scoring = [&](const ScoringProgress&) {
    ++calls;
    EXPECT_TRUE(fs::exists(directory_ / "out" / "training" / "state.safetensors"));
  };
  EXPECT_TRUE(train("out", scored_options(), hooks).finished);
  EXPECT_GT(calls, 0);
}

// The grace that a stopped run has is for its checkpoint.
TEST_F(TrainerTest, AStoppedRunIsScoredWhenItGoesOn) {
  TrainingOptions training = scored_options();
  const StopAfter stop(2);
  EXPECT_TRUE(train("out", training, stop.hooks).scores.empty());
  training.resume = true;
  const TrainingResult resumed = train("out", training);
  ASSERT_EQ(resumed.scores.size(), 2U);
  EXPECT_EQ(resumed.scores.front().step, 2U);
}

// MPNet keeps its scores of distances; those of a score come before those of the next step.
TEST_F(TrainerTest, AnMpnetThatIsScoredFirstTrainsOn) {
  TrainingOptions training = scored_options();
  const StopAfter stop(2);
  const auto run = [&](const TrainingHooks& with) {
    Trainer trainer(base("mpnet", 1, true, "mpnet"), {}, directory_ / "out", training);
    return trainer.run({to_dataset(toy_dataset())}, with);
  };
  EXPECT_FALSE(run(stop.hooks).finished);
  training.resume = true;
  EXPECT_TRUE(run({}).finished);
}

TEST_F(TrainerTest, AScoreUnderWayEndsWithTheRunAndIsMadeWhenItGoesOn) {
  TrainingOptions training = scored_options();
  for (const std::uint64_t at : {2, 4}) {  // between two steps, and at the end
    std::atomic<bool> stop{false};
    std::uint64_t step = 0;
    TrainingHooks hooks;
    hooks.stop = &stop;
    hooks.on_step = [&](const TrainingProgress& progress) { step = progress.step; };
    hooks.on_scoring = [&](const ScoringProgress& progress) {
      EXPECT_EQ(progress.of, 4U);
      stop = step == at;
    };
    training.resume = at == 4;
    const TrainingResult stopped = train("out", training, hooks);
    EXPECT_FALSE(stopped.finished);
    EXPECT_EQ(stopped.steps, at);
    training.resume = true;
  }
  const TrainingResult whole = train("out", training);
  EXPECT_TRUE(whole.finished);
  ASSERT_EQ(whole.scores.size(), 1U);
  EXPECT_EQ(whole.scores.front().step, 4U);
}

TEST_F(TrainerTest, WhatAHookThrowsLeavesAsItWasThrown) {
  TrainingHooks hooks;
  hooks.on_step = [](const TrainingProgress&) { throw std::invalid_argument("the caller's"); };
  EXPECT_THROW(train("out", options(), hooks), std::invalid_argument);
  TrainingOptions scored = options();
  scored.held_out_questions = 4;
  scored.evaluate_every = 1;
  hooks = {.on_scoring = [](const ScoringProgress&) { throw std::invalid_argument("too"); }};
  EXPECT_THROW(train("scored", scored, hooks), std::invalid_argument);
}

TEST_F(TrainerTest, RefusesAnOutputThatWouldBecomeAnotherModel) {
  fs::create_directories(directory_ / "out");
  for (const char* name : {"spiece.model", "added_tokens.json", "model.safetensors.index.json"}) {
    write_file(directory_ / "out" / name, "of another model");
    test::expect_error(ErrorCode::kInvalidArgument,
                       std::string(name) + ": expected no file of another model",
                       [&] { train("out", options()); });
    fs::remove(directory_ / "out" / name);
  }
}

TEST_F(TrainerTest, ChecksEverySplit) {
  TrainingOptions training = options();
  training.split_layers = {2, 0};
  training.layout = Layout::kContinue;
  test::expect_error(ErrorCode::kIncompatible, "expected restart with split_layer 2",
                     [&] { train("out", training); });
  training = options();
  training.split_layers = {9, 1};
  test::expect_error(ErrorCode::kInvalidArgument, "split_layer: expected 0 to 2, found 9",
                     [&] { train("out", training); });
}

TEST_F(TrainerTest, AGradientThatIsNoNumberStopsBeforeTheWeightsAreLost) {
  TrainingOptions training = options();
  training.loss_weights = {.task = 1e30};
  test::expect_error(ErrorCode::kInvalidArgument, "training step 1: expected a finite gradient",
                     [&] { train("out", training); });
}

TEST_F(TrainerTest, HasNothingToResumeInAnEmptyDirectory) {
  TrainingOptions training = options();
  training.resume = true;
  test::expect_error(ErrorCode::kNotFound, "state.safetensors", [&] { train("out", training); });
}

// Here config.json alone says that these are CamemBERT's ids.
TEST_F(TrainerTest, KeepsWhatTheBaseCallsItsTokenizer) {
  const fs::path golden = fs::path(DEFORMER_SOURCE_DIR) / "tests/golden/models/camembert-joint";
  const fs::path from = directory_ / "camembert";
  fs::create_directories(from);
  for (const char* name : {"model.safetensors", "sentencepiece.bpe.model"}) {
    fs::copy_file(golden / name, from / name);
  }
  nlohmann::json config = nlohmann::json::parse(read_file(golden / "config.json"));
  config["model_type"] = "roberta";
  config["tokenizer_class"] = "CamembertTokenizer";
  write_file(from / "config.json", config.dump());
  const TrainingModel model = load_training_model(from, {});
  save_training_model(model, from, directory_ / "out", SaveFormat::kFp32);
  EXPECT_EQ(load_tokenizer(directory_ / "out")->hash(), model.tokenizer->hash());
}

TEST_F(TrainerTest, AnotherLayoutLeavesTheBasesLengths) {
  const fs::path from = base();
  nlohmann::json config = nlohmann::json::parse(read_file(from / "config.json"));
  nlohmann::json& stated = config["deformer"];
  stated = {{"layout", "continue"},
            {"max_question_tokens", 10},
            {"window_tokens", 30},
            {"window_step", 10},
            {"max_answer_tokens", 5}};
  const auto expect_split = [&](const TrainingModelOptions& options, Layout layout, int window) {
    write_file(from / "config.json", config.dump());
    const SplitConfig split = load_training_model(from, options).config.split;
    EXPECT_EQ(split.layout, layout);
    EXPECT_EQ(split.max_question_tokens, 10);
    EXPECT_EQ(split.window_tokens, window);
    EXPECT_EQ(split.window_step, 10);
    EXPECT_EQ(split.max_answer_tokens, 5);
  };
  expect_split({.split_layers = {2}}, Layout::kRestart, 30);
  expect_split({.split_layers = {2, 0}}, Layout::kRestart, 30);
  expect_split({.split_layers = {0}}, Layout::kContinue, 30);
  expect_split({}, Layout::kContinue, 30);
  stated["layout"] = "restart";
  expect_split({.layout = Layout::kContinue}, Layout::kContinue, 30);
  // Of 64 positions the longest question takes 12, the window's [SEP] one.
  stated["window_tokens"] = 60;
  expect_split({.layout = Layout::kContinue}, Layout::kContinue, 51);
  expect_split({}, Layout::kRestart, 60);
}

TEST_F(TrainerTest, RefusesToOverwriteARunOrWhatItStartsFrom) {
  TrainingOptions training = options();
  training.max_steps = 1;
  train("out", training);
  const std::string before = weights("out");
  test::expect_error(ErrorCode::kInvalidArgument,
                     "state.safetensors: expected an output directory without a training run",
                     [&] { train("out", training); });
  EXPECT_TRUE(weights("out") == before);
  Trainer itself(base(), {}, base(), training);
  test::expect_error(ErrorCode::kInvalidArgument, "another output directory than the base's",
                     [&] { itself.run({to_dataset(toy_dataset())}); });
}

TEST_F(TrainerTest, PassesOfAStepAddUpToItsGradient) {
  TrainingOptions training = options();
  training.dropout = 0;
  training.loss_weights = kPaperLossWeights;
  const fs::path teacher = base("teacher", 7);
  training.pass_tokens = 1000;
  train("one", training, {}, teacher);
  training.pass_tokens = 20;
  train("many", training, {}, teacher);
  const auto losses = [&](const std::string& output) {
    std::vector<double> values;
    for (const auto& line : log_of(output)) {
      if (line.at("event") == "step") values.push_back(line.at("loss"));
    }
    return values;
  };
  EXPECT_THAT(losses("one"), testing::Pointwise(testing::DoubleNear(1e-4), losses("many")));
}

TEST_F(TrainerTest, AStudentThatIsItsTeacherHasNothingToLearnFromIt) {
  TrainingOptions training = options();
  training.split_layers = {0};
  training.dropout = 0;
  training.loss_weights = {.task = 0, .kd = 1, .lrs = 1};
  train("out", training, {}, base());
  const auto step = log_of("out").at(1);
  EXPECT_EQ(step.at("event"), "step");
  EXPECT_NEAR(step.at("kd").get<double>(), 0.0, 1e-6);
  EXPECT_NEAR(step.at("lrs").get<double>(), 0.0, 1e-9);
}

TEST_F(TrainerTest, TrainsXlnetThroughTheSameCode) {
  fs::create_directories(directory_ / "xlnet");
  test::write_tiny_model(directory_ / "xlnet",
                         {.architecture = "xlnet", .split_layer = 0, .weight_scale = 0.08f});
  TrainingOptions training = options();
  training.loss_weights = kPaperLossWeights;
  Trainer trainer(directory_ / "xlnet", directory_ / "xlnet", directory_ / "out", training);
  EXPECT_TRUE(trainer.run({to_dataset(toy_dataset())}).finished);
  const auto log = log_of("out");
  EXPECT_LT(log.at(8).at("loss").get<double>(), log.at(1).at("loss").get<double>());
  EXPECT_EQ(Model::load(directory_ / "out")->config().split.layout, Layout::kPacked);
}

std::map<std::string, at::Tensor> weights_of(const fs::path& model_dir) {
  const TrainingModel reader = load_training_model(model_dir, {});
  std::map<std::string, at::Tensor> weights;
  for (auto& [name, weight] : named_weights(reader.parameters())) weights[name] = weight;
  return weights;
}

// Names of the weights that differ.
std::set<std::string> changed(const fs::path& before, const fs::path& after) {
  const auto old_weights = weights_of(before);
  std::set<std::string> names;
  for (const auto& [name, weight] : weights_of(after)) {
    if (!at::equal(weight, old_weights.at(name))) names.insert(name);
  }
  return names;
}

TEST_F(TrainerTest, ScoresOfDistancesAreTrainedOnRequestOnly) {
  fs::create_directories(directory_ / "mpnet");
  test::write_tiny_model(directory_ / "mpnet",
                         {.architecture = "mpnet", .split_layer = 0, .weight_scale = 0.08f});
  const std::string bias = "mpnet.encoder.relative_attention_bias.weight";
  for (const bool trained : {false, true}) {
    TrainingOptions training = options();
    training.train_distance_bias = trained;
    const fs::path out = directory_ / (trained ? "with" : "without");
    EXPECT_TRUE(
        Trainer(directory_ / "mpnet", {}, out, training).run({to_dataset(toy_dataset())}).finished);
    const auto names = changed(directory_ / "mpnet", out);
    EXPECT_EQ(names.contains(bias), trained);
    EXPECT_TRUE(names.contains("mpnet.embeddings.word_embeddings.weight"));
  }
}

TEST_F(TrainerTest, FrozenLayersStayAsTheyAre) {
  const fs::path from = base();
  TrainingOptions training = options();
  training.freeze_layers = 2;
  EXPECT_TRUE(
      Trainer(from, {}, directory_ / "out", training).run({to_dataset(toy_dataset())}).finished);
  const auto names = changed(from, directory_ / "out");
  EXPECT_TRUE(names.contains("bert.encoder.layer.2.output.dense.weight"));
  EXPECT_TRUE(names.contains("qa_outputs.weight"));
  for (const std::string& name : names) {
    EXPECT_FALSE(name.starts_with("bert.embeddings.") ||
                 name.starts_with("bert.encoder.layer.0.") ||
                 name.starts_with("bert.encoder.layer.1."))
        << name;
  }
}

TEST_F(TrainerTest, RefusesToFreezeEverything) {
  TrainingOptions training = options();
  training.freeze_layers = 3;
  test::expect_error(ErrorCode::kInvalidArgument,
                     "freeze_layers: expected less than the model's 3 layers, found 3",
                     [&] { Trainer(base(), {}, directory_ / "out", training); });
}

TEST_F(TrainerTest, StartsASpanHeadThatTheBaseLacks) {
  Trainer trainer(base("headless", 1, /*head=*/false), {}, directory_ / "out", options());
  EXPECT_TRUE(trainer.run({to_dataset(toy_dataset())}).finished);
  EXPECT_NE(ModelAccess::head(*Model::load(directory_ / "out")), nullptr);
}

TEST_F(TrainerTest, RefusesATeacherWithoutTheTasksHead) {
  TrainingOptions training = options();
  training.loss_weights = kPaperLossWeights;
  const fs::path teacher = base("headless", 1, /*head=*/false);
  test::expect_error(ErrorCode::kIncompatible,
                     teacher.string() + ": expected weights with a head for span (qa_outputs)",
                     [&] { Trainer(base(), teacher, directory_ / "out", training); });
}

TEST_F(TrainerTest, ScoresHeldOutQuestionsAndKeepsTheBest) {
  TrainingOptions training = options();
  training.held_out_questions = 4;
  training.evaluate_every = 3;
  training.split_layers = {0, 1};
  const TrainingResult result = train("out", training);
  EXPECT_EQ(result.data.held_out, 4U);
  EXPECT_EQ(result.data.pairs, 12U);
  std::vector<std::uint64_t> steps;
  for (const TrainingScore& score : result.scores) steps.push_back(score.step);
  EXPECT_THAT(steps, ElementsAre(3, 3, 6, 6, 8, 8));
  ASSERT_TRUE(result.best.has_value());
  EXPECT_TRUE(fs::exists(directory_ / "out" / "model.safetensors"));
  EXPECT_TRUE(fs::exists(directory_ / "out" / "last" / "model.safetensors"));
}

// Three layers become four: the first twice, the second left out, the third twice.
TEST_F(TrainerTest, BeginsWithLayersOfTheBase) {
  const std::vector<int> layers{0, 0, 2, 2};
  const TrainingModel whole = load_training_model(base(), {});
  const TrainingModel chosen = load_training_model(base(), {.split_layers = {2}, .layers = layers});
  EXPECT_EQ(chosen.config.num_hidden_layers, 4);
  std::map<std::string, at::Tensor> base_weights;
  for (const auto& [name, weight] : named_weights(whole.parameters())) base_weights[name] = weight;
  const std::string prefix = "bert.encoder.layer.";
  std::set<int> seen;
  for (const auto& [name, weight] : named_weights(chosen.parameters())) {
    std::string from = name;
    if (name.starts_with(prefix)) {
      const int layer = name[prefix.size()] - '0';
      from[prefix.size()] = static_cast<char>('0' + layers.at(static_cast<std::size_t>(layer)));
      seen.insert(layer);
    }
    ASSERT_TRUE(base_weights.contains(from)) << name;
    EXPECT_TRUE(at::equal(weight, base_weights[from])) << name;
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3));
}

// What is taken twice is trained apart, and the model that is written has all of it.
TEST_F(TrainerTest, TrainsLayersThatWereOneInTheBase) {
  TrainingOptions training = options();
  training.layers = {0, 1, 1, 2};
  training.split_layers = {3};
  EXPECT_TRUE(train("out", training).finished);
  const TrainingModel out = load_training_model(directory_ / "out", {});
  EXPECT_EQ(out.config.num_hidden_layers, 4);
  EXPECT_EQ(out.config.split.split_layer, 3);
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, weight] : named_weights(out.parameters())) weights[name] = weight;
  const std::string rest = ".output.dense.weight";
  EXPECT_FALSE(at::equal(weights.at("bert.encoder.layer.1" + rest),
                         weights.at("bert.encoder.layer.2" + rest)));
  training.resume = true;
  training.layers = {0, 1, 2, 2};
  test::expect_error(ErrorCode::kIncompatible, "\"layers\":[0,1,1,2]",
                     [&] { train("out", training); });
  training.layers = {0, 1, 3};
  test::expect_error(ErrorCode::kInvalidArgument, "layers: expected 0 to 2, the base's layers",
                     [&] { train("other", training); });
}

TEST_F(TrainerTest, ValidationDataChooseTheBest) {
  TrainingOptions training = options();
  training.evaluate_every = 3;
  const Dataset data = to_dataset(toy_dataset());
  const auto run = [&](const Dataset& validation) {
    Trainer trainer(base(), {}, directory_ / "out", training);
    return trainer.run({data}, {validation}, {});
  };
  Dataset validation = data;  // the first passage alone
  validation.passages.resize(1);
  std::erase_if(validation.examples, [](const Example& example) { return example.passage > 0; });
  const std::size_t scored = validation.examples.size();
  const TrainingResult result = run(validation);
  EXPECT_EQ(result.data.held_out, scored);
  EXPECT_EQ(result.data.in_validation, scored);
  EXPECT_EQ(result.data.questions, data.examples.size() - scored);
  EXPECT_GE(result.scores.size(), 2U);
  ASSERT_TRUE(result.best.has_value());
  // Scores on other data cannot be compared with the best so far.
  training.resume = true;
  validation.examples.pop_back();
  test::expect_error(ErrorCode::kIncompatible, "\"validation\":", [&] { run(validation); });
  training.resume = false;
  training.held_out_questions = 4;
  fs::remove_all(directory_ / "out");
  test::expect_error(ErrorCode::kInvalidArgument, "held-out questions or validation data",
                     [&] { run(validation); });
}

// As `deformer evaluate` scores it.
TEST_F(TrainerTest, AnEmptyPassageHasAnEmptyAnswer) {
  Dataset validation = to_dataset(toy_dataset());
  validation.examples.resize(1);
  validation.passages = {{""}};
  validation.examples.front().target = SpanTarget{.answers = {{"", 0}}, .is_impossible = false};
  Trainer trainer(base(), {}, directory_ / "out", options());
  const TrainingResult result = trainer.run({to_dataset(toy_dataset())}, {validation}, {});
  EXPECT_EQ(result.data.held_out, 1U);
}

TEST_F(TrainerTest, ABlankQuestionIsNotScored) {
  Dataset data = to_dataset(toy_dataset());
  Dataset validation = data;
  validation.examples.front().questions = {" "};
  {
    Trainer trainer(base(), {}, directory_ / "out", options());
    test::expect_error(
        ErrorCode::kInvalidArgument,
        "validation data: question \"" + validation.examples.front().id + "\": expected",
        [&] { trainer.run({to_dataset(paragraph_of_its_own())}, {validation}, {}); });
  }
  for (Example& example : data.examples) {
    if (example.questions.front() == "where") example.questions = {" "};
  }
  TrainingOptions training = options();
  training.held_out_questions = 4;
  Trainer trainer(base(), {}, directory_ / "out", training);
  EXPECT_EQ(trainer.run({data}, {}, {}).data.held_out, 2U);
}

TEST_F(TrainerTest, TrainsOnAGpuInEveryPrecision) {
  if (!at::hasCUDA()) GTEST_SKIP() << "needs a GPU and a LibTorch with CUDA";
  train("cpu", options());
  TrainingOptions training = options();
  training.device = Device::kCuda;
  for (const TrainingPrecision precision :
       {TrainingPrecision::kFp32, TrainingPrecision::kTf32, TrainingPrecision::kBf16}) {
    training.precision = precision;
    const std::string output = "gpu" + std::to_string(static_cast<int>(precision));
    EXPECT_TRUE(train(output, training).finished);
    EXPECT_NEAR(log_of(output).at(1).at("loss").get<double>(),
                log_of("cpu").at(1).at("loss").get<double>(), 0.1);
  }
}

TEST_F(TrainerTest, TrainsInBf16OnAProcessorThatHasIt) {
  if (!has_bf16_products()) GTEST_SKIP() << "needs a processor with AMX or AVX-512 BF16";
  train("fp32", options());
  TrainingOptions training = options();
  training.precision = TrainingPrecision::kBf16;
  EXPECT_TRUE(train("bf16", training).finished);
  EXPECT_TRUE(train("again", training).finished);
  EXPECT_EQ(weights("again"), weights("bf16"));
  EXPECT_NE(weights("bf16"), weights("fp32"));
  for (std::size_t line = 1; line <= 8; ++line) {
    EXPECT_NEAR(log_of("bf16").at(line).at("loss").get<double>(),
                log_of("fp32").at(line).at("loss").get<double>(), 0.05);
  }
}

TEST_F(TrainerTest, ALossThatIsNoNumberStopsAndNamesTheQuestions) {
  TrainingOptions training = options();
  training.learning_rate = 0.9;
  training.max_gradient_norm = 0;
  training.max_steps = 400;
  training.weight_decay = 0.9;
  fs::create_directories(directory_ / "wild");
  test::write_tiny_model(directory_ / "wild", {.split_layer = 0, .weight_scale = 1e18f});
  Trainer trainer(directory_ / "wild", {}, directory_ / "out", training);
  test::expect_error(ErrorCode::kInvalidArgument, "training step 1: expected a finite loss, found",
                     [&] { static_cast<void>(trainer.run({to_dataset(toy_dataset())})); });
}

TEST_F(TrainerTest, RefusesATeacherOfAnotherShape) {
  fs::create_directories(directory_ / "wide");
  test::write_tiny_model(directory_ / "wide", {.hidden = 64, .split_layer = 0});
  TrainingOptions training = options();
  training.loss_weights = kPaperLossWeights;
  test::expect_error(ErrorCode::kIncompatible,
                     "teacher: expected hidden_size 32 as the model has, found 64",
                     [&] { train("out", training, {}, directory_ / "wide"); });
  test::expect_error(ErrorCode::kInvalidArgument, "teacher: expected one",
                     [&] { train("out", training); });
}

TEST_F(TrainerTest, RefusesASplitThatTheModelCannotHave) {
  TrainingOptions training = options();
  training.split_layers = {3};
  test::expect_error(ErrorCode::kIncompatible, "split_layer", [&] { train("out", training); });
  training.split_layers = {1, 7, 0};
  test::expect_error(ErrorCode::kInvalidArgument, "split_layer: expected 0 to 2, found 7",
                     [&] { train("out", training); });
}

TEST_F(TrainerTest, ChecksItsOptions) {
  const auto refuses = [&](const char* text, auto&& change) {
    TrainingOptions training = options();
    change(training);
    test::expect_error(ErrorCode::kInvalidArgument, text, [&] { train("out", training); });
  };
  refuses("learning_rate: expected above 0", [](auto& o) { o.learning_rate = 0; });
  refuses("epochs: expected above 0", [](auto& o) { o.epochs = -1; });
  refuses("batch_questions: expected at least 1", [](auto& o) { o.batch_questions = 0; });
  refuses("dropout: expected 0 to 0.9, found 1", [](auto& o) { o.dropout = 1; });
  refuses("max_steps: expected 1 to 10^12", [](auto& o) { o.max_steps = ~std::uint64_t{0}; });
  refuses("loss_weights.kd: expected 0 or more", [](auto& o) { o.loss_weights.kd = -1; });
  refuses("split_layers: expected each layer once, found 1 twice", [](auto& o) {
    o.split_layers = {1, 0, 1};
  });
  refuses("train_distance_bias: expected a model with scores of distances, found bert",
          [](auto& o) { o.train_distance_bias = true; });
  refuses("loss_weights: expected one above 0", [](auto& o) { o.loss_weights = {0, 0, 0}; });
}

TEST_F(TrainerTest, ABatchMayBeLargerThanTheData) {
  TrainingOptions training = options();
  training.batch_questions = ~std::size_t{0};
  training.max_steps.reset();
  training.epochs = 2;
  EXPECT_EQ(train("out", training).steps, 2U);
}

TEST(LossWeights, AreParsedByName) {
  const LossWeights weights = parse_loss_weights("kd=2,task=0.5");
  EXPECT_EQ(weights.task, 0.5);
  EXPECT_EQ(weights.kd, 2.0);
  EXPECT_EQ(weights.lrs, 0.0);
  EXPECT_EQ(parse_loss_weights("paper").kd, 1.1);
  for (const char* bad : {"", "task", "task=", "task=x", "task=-1", "size=1", "task=0", "task=nan",
                          "task=1 ,kd=1", "kd=1e99", "task=1,kd=1,task=2"}) {
    test::expect_error(ErrorCode::kInvalidArgument, "loss weights: expected",
                       [&] { static_cast<void>(parse_loss_weights(bad)); });
  }
}

}  // namespace
}  // namespace deformer
