// Model::random, Model::with_split_layer and the sizes of published models.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "base/file.h"
#include "deformer/encoder.h"
#include "deformer/inspect.h"
#include "deformer/model.h"
#include "deformer/model_config.h"
#include "deformer/span_qa.h"
#include "model/weights.h"
#include "nn/fp16_weight.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;

double score(const std::shared_ptr<const Model>& model, const std::string& question,
             const std::string& passage) {
  const QaRequest request{.question = question, .passages = {{"p", passage}}};
  return SpanQa(model).answer({&request, 1}).front().answers.front().score;
}

TEST(RandomModel, DependsOnItsSizesAndSeedAlone) {
  for (const std::string architecture : {"bert", "xlnet", "mpnet", "albert", "deberta-v2"}) {
    const ModelConfig config = test::tiny_model_config({.architecture = architecture});
    const auto model = Model::random(config, {.seed = 5});
    const auto same = Model::random(config, {.seed = 5});
    const auto other = Model::random(config, {.seed = 6});
    EXPECT_EQ(model->fingerprint(), same->fingerprint());
    EXPECT_NE(model->fingerprint(), other->fingerprint());
    EXPECT_EQ(score(model, "7 8", "9 10 11"), score(same, "7 8", "9 10 11"));
    EXPECT_NE(score(model, "7 8", "9 10 11"), score(other, "7 8", "9 10 11"));
  }
}

TEST(RandomModel, DrawsMatricesNormallyAndLeavesVectorsNeutral) {
  ModelConfig config = test::tiny_model_config({.hidden = 64, .intermediate = 256});
  config.initializer_range = 0.02;
  const auto model = Model::random(config);
  for (const Parameter& parameter : model->encoder().parameters()) {
    const double deviation = parameter.value.std().item<double>();
    const double mean = parameter.value.mean().item<double>();
    if (parameter.value.dim() > 1) {
      EXPECT_NEAR(deviation, 0.02, 0.003) << parameter.names.front();
      EXPECT_NEAR(mean, 0, 0.003) << parameter.names.front();
    } else {
      EXPECT_EQ(deviation, 0) << parameter.names.front();
      EXPECT_EQ(mean, parameter.names.front().ends_with("LayerNorm.weight") ? 1 : 0)
          << parameter.names.front();
    }
  }
}

// The checkpoint of a tiny model again, in another type.
void store_in(Dtype dtype, const std::filesystem::path& dir) {
  NamedTensors tensors;
  {
    const Checkpoint checkpoint = Checkpoint::open(dir, architecture("bert"));
    WeightLoader loader(checkpoint);
    for (const auto& [name, stored] : checkpoint.tensors()) {
      tensors.emplace_back(name, loader.take(name, stored.view.shape).clone());
    }
  }
  write_checkpoint(dir, tensors, dtype);
}

TEST(WeightsInFp16, AreTakenWhereTheCheckpointIsStoredSo) {
  if (!nn::has_fp16_weights()) GTEST_SKIP() << "this LibTorch has no product of fp16 weights";
  const TempDir dir;
  test::write_tiny_model(dir.path(), {});
  EXPECT_EQ(Model::load(dir.path())->runtime().weights, WeightType::kFp32);
  store_in(Dtype::kF16, dir.path());
  const auto narrow = Model::load(dir.path());
  const auto wide = Model::load(dir.path(), {.runtime = {.weights = WeightType::kFp32}});
  EXPECT_EQ(narrow->runtime().weights, WeightType::kFp16);
  EXPECT_EQ(wide->runtime().weights, WeightType::kFp32);
  EXPECT_EQ(narrow->fingerprint(), wide->fingerprint());
  EXPECT_EQ(narrow->num_parameters(), wide->num_parameters());
  const std::string passage = "the king was first in the river";
  EXPECT_NEAR(score(narrow, "who was the king", passage), score(wide, "who was the king", passage),
              1e-4);
  EXPECT_EQ(describe_products(narrow->runtime()), "fp16");
}

TEST(WeightsInFp16, AreTakenForACheckpointIn8BitsToo) {
  if (!nn::has_fp16_weights()) GTEST_SKIP() << "this LibTorch has no product of fp16 weights";
  const TempDir dir;
  test::write_tiny_model(dir.path(), {});
  store_in(Dtype::kI8, dir.path());
  const auto narrow = Model::load(dir.path());
  const auto wide = Model::load(dir.path(), {.runtime = {.weights = WeightType::kFp32}});
  EXPECT_EQ(narrow->runtime().weights, WeightType::kFp16);
  EXPECT_EQ(narrow->fingerprint(), wide->fingerprint());
  const std::string passage = "the king was first in the river";
  EXPECT_NEAR(score(narrow, "who was the king", passage), score(wide, "who was the king", passage),
              1e-2);
  const auto int8 = Model::load(dir.path(), {.runtime = {.precision = Precision::kInt8}});
  EXPECT_EQ(int8->runtime().weights, WeightType::kFp32);
}

TEST(WeightsInFp16, RoundOtherWeights) {
  if (!nn::has_fp16_weights()) GTEST_SKIP() << "this LibTorch has no product of fp16 weights";
  for (const std::string architecture : {"bert", "xlnet", "mpnet"}) {
    const ModelConfig config = test::tiny_model_config({.architecture = architecture});
    const auto wide = Model::random(config);
    const auto narrow = Model::random(config, {.runtime = {.weights = WeightType::kFp16}});
    EXPECT_EQ(wide->runtime().weights, WeightType::kFp32);
    EXPECT_EQ(narrow->runtime().weights, WeightType::kFp16);
    const double exact = score(wide, "7 8", "9 10 11");
    EXPECT_NEAR(score(narrow, "7 8", "9 10 11"), exact, 1e-2 * std::max(1.0, std::abs(exact)));
  }
}

TEST(WeightsInFp16, AreForFp32ArithmeticOnACpu) {
  expect_error(ErrorCode::kUnsupported, "weights fp16: expected device cpu, precision fp32", [] {
    static_cast<void>(
        Model::random(test::tiny_model_config(),
                      {.runtime = {.precision = Precision::kInt8, .weights = WeightType::kFp16}}));
  });
}

// A layer of the model is timed: each kind of layer and of layout must run at the model's own
// limits.
// OpenMP would end the process.
TEST(RandomModel, MoreThreadsThanAnyMachineHasAreRefused) {
  for (const int threads : {-1, kMaxThreads + 1}) {
    expect_error(ErrorCode::kInvalidArgument, "threads: expected 0 to 1024, found", [&] {
      static_cast<void>(
          Model::random(test::tiny_model_config(), {.runtime = {.threads = threads}}));
    });
  }
}

TEST(RandomModel, PrecisionAutoIsDecidedWhenTheModelIsMade) {
  for (const test::TinyModelOptions& options : std::vector<test::TinyModelOptions>{
           {},
           {.split_layer = 0, .layout = Layout::kContinue},
           {.split_layer = 0, .layout = Layout::kContinue, .task = "mnli"},
           {.architecture = "xlnet"},
           {.architecture = "xlnet", .layout = Layout::kSlots},
           {.architecture = "xlnet", .layout = Layout::kContinue},
           {.architecture = "albert"},
           {.architecture = "deberta-v2"}}) {
    const auto model = Model::random(test::tiny_model_config(options),
                                     {.runtime = {.precision = Precision::kAuto}});
    EXPECT_NE(model->runtime().precision, Precision::kAuto);
    EXPECT_EQ(model->with_split_layer(0)->runtime().precision, model->runtime().precision);
  }
}

TEST(RandomModel, PrecisionAutoIsTheOneThatFp16WeightsHave) {
  if (!nn::has_fp16_weights()) GTEST_SKIP() << "this LibTorch has no such product";
  const auto model =
      Model::random(test::tiny_model_config(),
                    {.runtime = {.precision = Precision::kAuto, .weights = WeightType::kFp16}});
  EXPECT_EQ(model->runtime().precision, Precision::kFp32);
}

// An architecture without positions of its own may read texts of any length.
TEST(RandomModel, PrecisionAutoIsMeasuredOnTextsOfUsualLength) {
  ModelConfig config = test::tiny_model_config({.architecture = "xlnet"});
  config.split.window_tokens = 60000;  // attention over all of them: 14 GB
  const auto model = Model::random(config, {.runtime = {.precision = Precision::kAuto}});
  EXPECT_NE(model->runtime().precision, Precision::kAuto);
}

TEST(RandomModel, HasNoVocabulary) {
  const auto model = Model::random(test::tiny_model_config());
  expect_error(ErrorCode::kUnsupported, "has no vocabulary",
               [&] { static_cast<void>(score(model, "Who?", "The king.")); });
  ModelConfig impossible = test::tiny_model_config();
  impossible.split.split_layer = 3;
  expect_error(ErrorCode::kIncompatible, "split_layer",
               [&] { static_cast<void>(Model::random(impossible)); });
}

TEST(WithSplitLayer, IsTheModelLoadedWithThatSplit) {
  for (const std::string architecture : {"bert", "xlnet", "mpnet", "albert", "deberta-v2"}) {
    const TempDir dir;
    test::write_tiny_model(dir.path(), {.architecture = architecture, .split_layer = 2});
    const auto model = Model::load(dir.path());
    for (const int split_layer : {0, 1, 2}) {
      const auto loaded = Model::load(dir.path(), {.split_layer = split_layer});
      const auto moved = model->with_split_layer(split_layer);
      EXPECT_EQ(moved->config().split.split_layer, split_layer);
      EXPECT_EQ(moved->fingerprint(), loaded->fingerprint());
      EXPECT_EQ(moved->num_parameters(), loaded->num_parameters());
      EXPECT_EQ(score(moved, "who was the king", "the king was first in the river"),
                score(loaded, "who was the king", "the king was first in the river"));
    }
    expect_error(ErrorCode::kIncompatible, "split_layer",
                 [&] { static_cast<void>(model->with_split_layer(3)); });
  }
}

TEST(WithSplitLayer, RefusesWhatTheLayoutForbids) {
  const TempDir dir;
  test::write_tiny_model(dir.path(), {.ordinary = true});
  expect_error(ErrorCode::kIncompatible, "expected restart",
               [&] { static_cast<void>(Model::load(dir.path())->with_split_layer(1)); });
}

// One window is read: a step that a file states does nothing, and a saved one does not state it.
TEST(WithLengths, AStepOfClassesIsNoPartOfTheFingerprint) {
  const TempDir dir;
  test::write_tiny_model(dir.path(), {.task = "mnli"});
  const Fingerprint without = Model::load(dir.path())->fingerprint();
  std::string text = read_file(dir / "config.json");
  const std::string place = "\"deformer\": {";
  text.insert(text.find(place) + place.size(), "\"window_step\": 7,");
  write_file(dir / "config.json", text);
  EXPECT_EQ(Model::load(dir.path())->fingerprint(), without);
}

TEST(WithLengths, IsTheModelLoadedWithThoseLengths) {
  const TempDir first;
  const TempDir second;
  test::write_tiny_model(first.path());
  test::write_tiny_model(second.path(),
                         {.max_question_tokens = 9, .window_tokens = 20, .window_step = 5});
  const auto model = Model::load(first.path());
  const auto loaded = Model::load(second.path());
  const auto changed =
      model->with_lengths({.max_question_tokens = 9, .window_tokens = 20, .window_step = 5});
  EXPECT_EQ(changed->fingerprint(), loaded->fingerprint());
  EXPECT_NE(changed->fingerprint(), model->fingerprint());
  EXPECT_EQ(changed->config().split.max_question_tokens, 9);
  EXPECT_EQ(model->with_lengths({})->fingerprint(), model->fingerprint());
  expect_error(ErrorCode::kIncompatible, "window_step",
               [&] { static_cast<void>(model->with_lengths({.window_step = 41})); });
}

// A kind that reads one window writes no step into its file; the step is a part of the fingerprint.
TEST(WithLengths, OfOneWindowIsTheModelLoadedWithThem) {
  const TempDir first;
  const TempDir second;
  test::TinyModelOptions options{.task = "boolq"};
  test::write_tiny_model(first.path(), options);
  options.window_tokens = 20;
  test::write_tiny_model(second.path(), options);
  const auto model = Model::load(first.path());
  const auto loaded = Model::load(second.path());
  EXPECT_EQ(model->with_lengths({.window_tokens = 20})->fingerprint(), loaded->fingerprint());
  EXPECT_EQ(model->with_lengths({.window_tokens = 20, .window_step = 7})->fingerprint(),
            loaded->fingerprint());
}

// XLNet's second segment stands behind the longest first one.
TEST(WithLengths, MoveTheSlotsToo) {
  const TempDir first;
  const TempDir second;
  test::TinyModelOptions options{.architecture = "xlnet", .layout = Layout::kSlots};
  test::write_tiny_model(first.path(), options);
  const auto model = Model::load(first.path());
  options.window_tokens = 50;
  test::write_tiny_model(second.path(), options);
  const auto loaded = Model::load(second.path());
  const auto changed = model->with_lengths({.window_tokens = 50});
  EXPECT_EQ(score(changed, "Who?", "The king."), score(loaded, "Who?", "The king."));
  EXPECT_NE(score(changed, "Who?", "The king."), score(model, "Who?", "The king."));
}

std::int64_t count_weights(const ModelConfig& config) {
  std::vector<WeightGroup> groups;
  const auto has = [](std::string_view /*name*/) { return false; };
  architecture_of(config).add_weights(config, config.num_hidden_layers, has, groups);
  std::int64_t count = 2 * config.hidden_size + 2;  // the span head
  for (const WeightGroup& group : groups) {
    for (const auto& [name, shape] : group.shapes) count += element_count(shape).value_or(0);
  }
  return count;
}

// As Hugging Face counts the parameters of AlbertForQuestionAnswering and
// DebertaV2ForQuestionAnswering of these sizes.
TEST(PublishedModels, HaveThePublishedNumbersOfParameters) {
  EXPECT_EQ(count_weights(published_model_config("albert-base-v2")), 11094530);
  EXPECT_EQ(count_weights(published_model_config("deberta-v3-base")), 183833090);
}

// FLOPs: Cao et al., ACL 2020, table 3. Parameters: those of a MiniLM-L6-H384 checkpoint with a
// span head, as safetensors' own reader sums them.
TEST(PublishedModels, HaveThePublishedSizes) {
  EXPECT_NEAR(estimate_flops(published_model_config("bert-base")).full / 1e9, 58.4, 0.4);
  const FlopsEstimate large = estimate_flops(published_model_config("bert-large"));
  EXPECT_NEAR(large.full / 1e9, 204.1, 1.0);
  EXPECT_NEAR(large.decomposed / 1e9, 47.7, 0.4);
  EXPECT_EQ(Model::random(published_model_config("minilm-l6"))->num_parameters(), 22566146);
  for (const std::string& name : published_model_names()) {
    EXPECT_NO_THROW(validate(published_model_config(name))) << name;
  }
  expect_error(ErrorCode::kInvalidArgument, "electra-base, found \"bert\"",
               [] { static_cast<void>(published_model_config("bert")); });
}

}  // namespace
}  // namespace deformer
