#include "deformer/pair_classifier.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include "deformer/error.h"
#include "deformer/known_datasets.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"
#include "support/expect_error.h"
#include "support/shared_data.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passages.h"

namespace deformer {
namespace {

void expect_same(const PairResult& a, const PairResult& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.cut.question, b.cut.question);
  EXPECT_EQ(a.cut.passage, b.cut.passage);
  ASSERT_EQ(a.logits.size(), b.logits.size());
  for (std::size_t i = 0; i < a.logits.size(); ++i) {
    EXPECT_NEAR(a.logits[i], b.logits[i], test::kTolerance);
    EXPECT_NEAR(a.probabilities[i], b.probabilities[i], test::kTolerance);
  }
}

struct ClassifierCase {
  std::string architecture = "bert";
  std::string task = "boolq";
  int split_layer = 0;
  Layout layout = Layout::kRestart;  // XLNet: packed
};

class PairClassifierTest : public testing::TestWithParam<ClassifierCase> {
 protected:
  PairClassifierTest() {
    const ClassifierCase& test = GetParam();
    test::write_tiny_model(dir_.path(), {.architecture = test.architecture,
                                         .positions = 96,
                                         .split_layer = test.split_layer,
                                         .layout = test.layout,
                                         .task = test.task,
                                         .weight_scale = test::kWeightScale});
    model_ = Model::load(dir_.path());
    for (const char* question : {"did the river rise", "", "Who moved, and where to?"}) {
      requests_.push_back({.id = "", .question = question, .passage = {"long", test::kLong}});
      requests_.push_back({.id = "", .question = question, .passage = {"short", test::kShort}});
      requests_.push_back({.id = "", .question = question, .passage = {"tokenless", " \n"}});
      requests_.push_back({.id = "", .question = question, .passage = {}});
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) requests_[i].id = std::to_string(i);
  }

  test::TempDir dir_;
  const std::vector<Passage> stored_{
      {"short", test::kShort}, {"long", test::kLong}, {"tokenless", " \n"}};
  std::shared_ptr<const Model> model_;
  std::vector<PairRequest> requests_;
};

TEST_P(PairClassifierTest, GivesProbabilitiesOfEveryClass) {
  const auto results = PairClassifier(model_).classify(requests_);
  ASSERT_EQ(results.size(), requests_.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const PairResult& result = results[i];
    EXPECT_EQ(result.id, requests_[i].id);
    ASSERT_EQ(result.probabilities.size(), parse_task(GetParam().task).labels.size());
    EXPECT_NEAR(std::accumulate(result.probabilities.begin(), result.probabilities.end(), 0.0), 1.0,
                1e-12);
    const auto best = std::max_element(result.probabilities.begin(), result.probabilities.end());
    EXPECT_EQ(result.label, best - result.probabilities.begin());
    EXPECT_EQ(result.cut.passage, requests_[i].passage.id == "long");
  }
  // Every text has a say.
  EXPECT_GT(std::abs(results[0].logits[0] - results[1].logits[0]), 1e-3);
  EXPECT_GT(std::abs(results[0].logits[0] - results[8].logits[0]), 1e-3);
  EXPECT_NEAR(results[2].logits[0], results[3].logits[0], test::kTolerance) << "both are blank";
}

TEST_P(PairClassifierTest, ABatchEqualsItsSinglesInAnyOrder) {
  const PairClassifier classifier(model_);
  const auto together = classifier.classify(requests_);
  std::vector<std::size_t> order(requests_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::vector<PairRequest> shuffled;
  for (const std::size_t i : order) shuffled.push_back(requests_[i]);
  const auto mixed = classifier.classify(shuffled, {.batch_tokens = 70});
  for (std::size_t i = 0; i < order.size(); ++i) {
    expect_same(together[order[i]], mixed[i]);
    expect_same(together[i], classifier.classify({&requests_[i], 1}).front());
  }
}

TEST_P(PairClassifierTest, TheStoreGivesTheSameClasses) {
  const auto store = open_passage_store("memory:", model_->fingerprint());
  if (GetParam().layout == Layout::kContinue) {
    test::expect_error(ErrorCode::kUnsupported, "layout \"continue\"",
                       [&] { (void)PassageEncoder(model_, store).encode(stored_); });
    return;
  }
  static_cast<void>(PassageEncoder(model_, store).encode(stored_));
  const auto direct = PairClassifier(model_).classify(requests_);
  std::vector<PairRequest> by_id = requests_;
  for (PairRequest& request : by_id) request.passage.text.clear();
  const auto stored = PairClassifier(model_, store).classify(by_id);
  for (std::size_t i = 0; i < direct.size(); ++i) expect_same(direct[i], stored[i]);
}

// A batch of passages with projections and a blank one, which has none.
TEST_P(PairClassifierTest, AStoreWithProjectionsGivesTheSameClassesBesideBlankPassages) {
  if (GetParam().layout == Layout::kContinue) GTEST_SKIP() << "cannot be stored";
  const auto store = open_passage_store("memory:", model_->fingerprint());
  static_cast<void>(PassageEncoder(model_, store).encode(stored_, {.projections = true}));
  const auto direct = PairClassifier(model_).classify(requests_);
  const auto stored = PairClassifier(model_, store).classify(requests_);
  for (std::size_t i = 0; i < direct.size(); ++i) expect_same(direct[i], stored[i]);
}

// Stored projections are rounded: they count whatever else is in the batch.
TEST_P(PairClassifierTest, ABlankPassageLeavesTheProjectionsOfTheOthersAlone) {
  if (GetParam().layout == Layout::kContinue) GTEST_SKIP() << "cannot be stored";
  const auto store = open_passage_store("memory:", model_->fingerprint());
  static_cast<void>(PassageEncoder(model_, store)
                        .encode(stored_, {.codec = HiddenCodec::kInt8, .projections = true}));
  const PairClassifier classifier(model_, store);
  const PairRequest asked{.id = "", .question = "who", .passage = {"short", test::kShort}};
  const PairRequest blank{.id = "", .question = "who", .passage = {}};
  const auto alone = classifier.classify({&asked, 1}).front();
  const auto together = classifier.classify(std::vector{asked, blank});
  expect_same(alone, together[0]);
}

TEST_P(PairClassifierTest, ThreadsShareAModel) {
  const PairClassifier classifier(model_);
  const auto expected = classifier.classify(requests_);
  std::vector<std::vector<PairResult>> results(3);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { result = classifier.classify(requests_); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) {
    for (std::size_t i = 0; i < expected.size(); ++i) expect_same(expected[i], result[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, PairClassifierTest,
    testing::Values(ClassifierCase{"bert", "boolq", 2}, ClassifierCase{"bert", "mnli", 1},
                    ClassifierCase{"bert", "boolq", 0, Layout::kContinue},
                    ClassifierCase{"bert", "qqp", 0, Layout::kRestart},
                    ClassifierCase{"mpnet", "boolq", 0}, ClassifierCase{"mpnet", "mnli", 2},
                    ClassifierCase{"roberta", "boolq", 2}, ClassifierCase{"roberta", "mnli", 0},
                    ClassifierCase{"distilbert", "mnli", 2}, ClassifierCase{"electra", "qqp", 1},
                    ClassifierCase{"albert", "boolq", 0}, ClassifierCase{"albert", "mnli", 2},
                    ClassifierCase{"deberta-v2", "boolq", 0},
                    ClassifierCase{"deberta-v2", "mnli", 2}, ClassifierCase{"xlnet", "boolq", 0},
                    ClassifierCase{"xlnet", "mnli", 2},
                    ClassifierCase{"xlnet", "qqp", 1, Layout::kSlots}),
    [](const testing::TestParamInfo<ClassifierCase>& entry) {
      std::string name = entry.param.architecture;
      std::erase(name, '-');
      return name + entry.param.task + to_string(entry.param.layout) +
             std::to_string(entry.param.split_layer);
    });

class TaskModels : public testing::Test {
 protected:
  std::shared_ptr<const Model> model(const test::TinyModelOptions& options,
                                     const LoadOptions& load = {}) {
    std::filesystem::remove_all(dir_ / "model");
    std::filesystem::create_directory(dir_ / "model");
    test::write_tiny_model(dir_ / "model", options);
    return Model::load(dir_ / "model", load);
  }

  test::TempDir dir_;
};

// A random model's head is one for spans, which has two outputs as well.
TEST_F(TaskModels, AHeadForSpansGivesNoClasses) {
  const auto model = Model::random(test::tiny_model_config({.task = "boolq"}));
  test::expect_error(ErrorCode::kIncompatible, "found one for span questions",
                     [&] { const PairClassifier classifier(model); });
}

TEST_F(TaskModels, SayWhatATaskMisses) {
  test::expect_error(ErrorCode::kIncompatible,
                     "model.safetensors: expected a model for classes, found one for span",
                     [&] { (void)PairClassifier(model({})); });
  test::expect_error(
      ErrorCode::kIncompatible,
      "model.safetensors: expected a head (bert.pooler.dense, classifier) with 3 outputs for "
      "classes, found weights without one",
      [&] { (void)PairClassifier(model({.ordinary = true}, {.task = parse_task("mnli")})); });
  test::expect_error(
      ErrorCode::kIncompatible,
      "(sequence_summary.summary, logits_proj) with 2 outputs for classes, found 1", [&] {
        (void)PairClassifier(model({.architecture = "xlnet", .ordinary = true, .task = "race"},
                                   {.task = parse_task("boolq")}));
      });
  test::expect_error(
      ErrorCode::kIncompatible,
      "model.safetensors: expected a model for span questions, found one for classes",
      [&] { (void)SpanQa(model({.task = "boolq"})); });
  test::expect_error(
      ErrorCode::kIncompatible,
      "id2label: expected the classes of qqp (not_duplicate, duplicate) in any order, "
      "found \"false, true\"",
      [&] { (void)model({.task = "boolq"}, {.task = parse_task("qqp")}); });
}

// A stored state depends on where the passage stands and on how much of it was read, not on what is
// asked about it.
TEST_F(TaskModels, StoresAreSharedByTasksThatReadAPassageAlike) {
  const auto fingerprint = [&](const std::string& task, std::optional<PassagePlace> place = {}) {
    return model({.positions = 96, .task = task, .passage_place = place})->fingerprint();
  };
  EXPECT_EQ(fingerprint("mnli"), fingerprint("qqp"));
  EXPECT_EQ(fingerprint("boolq"), fingerprint("race"));
  EXPECT_NE(fingerprint("boolq"), fingerprint("mnli")) << "the premise stands first";
  EXPECT_NE(fingerprint("boolq"), fingerprint("span")) << "spans are read in windows";
  EXPECT_EQ(fingerprint("boolq", PassagePlace::kFirst), fingerprint("mnli"));
  const auto boolq = model({.positions = 96, .task = "boolq"});
  const auto store = open_passage_store("memory:", fingerprint("span"));
  test::expect_error(ErrorCode::kIncompatible, "expected the fingerprint of the model",
                     [&] { (void)PairClassifier(boolq, store); });
}

TEST_F(TaskModels, AnUnknownPassageIsNamed) {
  const PairClassifier classifier(model({.task = "boolq"}));
  const PairRequest request{.id = "", .question = "q", .passage = {"p9", ""}};
  test::expect_error(ErrorCode::kNotFound,
                     "passage \"p9\": no text was given and there is no store", [&] {
                       (void)classifier.classify({&request, 1});
                     });
}

TEST_F(TaskModels, ALongQuestionIsCutAndSaysSo) {
  // max_question_tokens is 12.
  std::string question = "who";
  for (int i = 0; i < 11; ++i) question += " the";
  const PairClassifier classifier(model({.task = "mnli"}));
  PairRequest request{.id = "", .question = question, .passage = {"s", test::kShort}};
  const PairResult fits = classifier.classify({&request, 1}).front();
  EXPECT_FALSE(fits.cut.question);
  request.question += " river";
  const PairResult cut = classifier.classify({&request, 1}).front();
  EXPECT_TRUE(cut.cut.question);
  EXPECT_NEAR(cut.logits[0], fits.logits[0], test::kTolerance);
}

TEST_F(TaskModels, APassageIsCutWhereATokenIsLeftOut) {
  const auto reader = model({.task = "mnli"});
  std::string full = "the";
  for (int i = 1; i < reader->config().split.window_tokens; ++i) full += " the";
  const auto is_cut = [&](const std::string& text) {
    const PairRequest request{.id = "", .question = "who", .passage = {"p", text}};
    return PairClassifier(reader).classify({&request, 1}).front().cut.passage;
  };
  EXPECT_FALSE(is_cut(full));
  // What cleaning removes is no token.
  for (const char* nothing : {" \n", "\u00a0", "\u0301", "\u200b"}) {
    EXPECT_FALSE(is_cut(full + nothing));
    EXPECT_FALSE(is_cut(std::string("the") + nothing)) << "far from full";
  }
  EXPECT_TRUE(is_cut(full + " river"));
  EXPECT_TRUE(is_cut(full + std::string(100, ' ') + "river"));
}

// A look at the next few characters takes whole ones.
TEST_F(TaskModels, LongWhiteSpaceOfSeveralBytesIsNotCut) {
  const auto reader = model({.architecture = "albert", .task = "mnli"});
  const std::size_t most = static_cast<std::size_t>(reader->config().split.window_tokens);
  std::string full;
  while (reader->tokenizer().tokenize(full + " a").ids.size() <= most) full += " a";
  ASSERT_EQ(reader->tokenizer().tokenize(full).ids.size(), most);
  for (std::string space = "\u3000"; space.size() < 120; space += "\u3000") {
    const PairRequest request{.id = "", .question = "who", .passage = {"p", full + space}};
    EXPECT_FALSE(PairClassifier(reader).classify({&request, 1}).front().cut.passage)
        << space.size();
  }
}

// The published data goes through from end to end, with random weights: no claim about accuracy.
void classify_shared(const std::string& task, const std::string& file,
                     const std::shared_ptr<const Model>& model) {
  Dataset dataset = known_dataset(task).load(test::shared_path(file));
  dataset.examples.resize(60);
  std::vector<PairRequest> requests;
  std::vector<Passage> passages;
  for (const Example& example : dataset.examples) {
    const std::string& text = dataset.passage_of(example);
    passages.push_back({content_id(text), text});
    requests.push_back({example.id, example.questions.front(), passages.back()});
  }
  const auto store = open_passage_store("memory:", model->fingerprint());
  static_cast<void>(PassageEncoder(model, store).encode(passages));
  const auto direct = PairClassifier(model).classify(requests);
  const auto stored = PairClassifier(model, store).classify(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) expect_same(direct[i], stored[i]);
}

TEST_F(TaskModels, BoolqValidationRunsFromEndToEnd) {
  DEFORMER_REQUIRE_SHARED("data/boolq/val.jsonl");
  for (const std::string architecture : {"bert", "xlnet", "mpnet"}) {
    classify_shared("boolq", "data/boolq/val.jsonl",
                    model({.architecture = architecture,
                           .positions = 400,
                           .window_tokens = 302,
                           .task = "boolq"}));
  }
}

TEST_F(TaskModels, MnliSampleRunsFromEndToEnd) {
  DEFORMER_REQUIRE_SHARED("data/mnli/matched-1000.tsv");
  for (const std::string architecture : {"bert", "xlnet", "mpnet"}) {
    classify_shared("mnli", "data/mnli/matched-1000.tsv",
                    model({.architecture = architecture,
                           .positions = 120,
                           .max_question_tokens = 32,
                           .window_tokens = 85,
                           .task = "mnli"}));
  }
}

}  // namespace
}  // namespace deformer
