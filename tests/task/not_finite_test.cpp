// A weight that is no number: its file and name are said, wherever in the model it is.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "deformer/span_qa.h"
#include "model/model_access.h"
#include "model/weights.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passage_source.h"
#include "task/span_reading.h"

namespace deformer {
namespace {

// Writes the weights anew, those of these names changed.
void change(const std::filesystem::path& model_dir, const std::set<std::string>& names,
            const std::function<void(at::Tensor& values)>& change_values) {
  const Checkpoint checkpoint = Checkpoint::open(model_dir, architecture("bert"));
  WeightLoader weights(checkpoint, WeightMemory::kOwned);
  NamedTensors tensors;
  for (const auto& [each, stored] : checkpoint.tensors()) {
    at::Tensor values = weights.take(each, stored.view.shape);
    if (names.contains(each)) change_values(values);
    tensors.emplace_back(each, values);
  }
  write_checkpoint(model_dir, tensors);
}

// Puts a NaN into one value of the weight.
void spoil(const std::filesystem::path& model_dir, const std::string& name,
           std::int64_t value = 3) {
  change(model_dir, {name}, [&](at::Tensor& values) {
    values.view(-1)[value] = std::numeric_limits<float>::quiet_NaN();
  });
}

// Numbers that fp32 holds, and whose sums and products it does not.
void enlarge(const std::filesystem::path& model_dir, const std::set<std::string>& names) {
  change(model_dir, names, [](at::Tensor& values) { values.fill_(3e38F); });
}

void expect_blamed(const std::string& text, const std::function<void()>& call) {
  test::expect_error(
      ErrorCode::kCorrupt,
      "passage \"p\": expected finite numbers from the layers, found others: " + text, call);
}

std::string fault_of(const test::TempDir& dir, const std::string& name) {
  return (dir / "model.safetensors").string() + ": tensor \"" + name +
         "\": expected finite numbers, found nan as value 3";
}

// Attention makes zeros of a key that is no number: nothing after it would tell.
TEST(NotFinite, LoadingNamesAWeightOfALayerOrHead) {
  for (const char* name : {"bert.encoder.layer.0.output.dense.weight",
                           "bert.encoder.layer.2.attention.self.key.bias", "qa_outputs.weight"}) {
    const test::TempDir dir;
    test::write_tiny_model(dir.path());
    spoil(dir.path(), name);
    test::expect_error(ErrorCode::kCorrupt, fault_of(dir, name),
                       [&] { static_cast<void>(Model::load(dir.path())); });
  }
}

TEST(NotFinite, UseNamesAWeightOfTheEmbeddings) {
  for (const char* name :
       {"bert.embeddings.position_embeddings.weight", "bert.embeddings.LayerNorm.bias"}) {
    const test::TempDir dir;
    test::write_tiny_model(dir.path());
    spoil(dir.path(), name);
    const auto model = Model::load(dir.path());
    const Passage passage{.id = "p", .text = "the king of the river"};
    const std::vector<QaRequest> requests{{.question = "who", .passages = {passage}}};
    test::expect_error(ErrorCode::kCorrupt, fault_of(dir, name),
                       [&] { static_cast<void>(SpanQa(model).answer(requests)); });
    const auto store = open_passage_store("memory:", model->fingerprint());
    test::expect_error(ErrorCode::kCorrupt, fault_of(dir, name), [&] {
      static_cast<void>(PassageEncoder(model, store).encode({&passage, 1}));
    });
  }
}

TEST(NotFinite, ATensorThatNoModelReadsIsNotBlamed) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path());
  const Checkpoint checkpoint = Checkpoint::open(dir.path(), architecture("bert"));
  WeightLoader weights(checkpoint, WeightMemory::kOwned);
  NamedTensors tensors;
  for (const auto& [name, stored] : checkpoint.tensors()) {
    tensors.emplace_back(name, weights.take(name, stored.view.shape));
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  tensors.emplace_back("cls.predictions.bias", at::full({4}, nan));
  write_checkpoint(dir.path(), tensors);
  EXPECT_FALSE(ModelAccess::find_non_finite_weight(*Model::load(dir.path())));
}

// A word whose weights are no numbers: the passage that has it, and no other.
TEST(NotFinite, APassageIsBlamedForItsOwnWordsAlone) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path());
  const auto model = Model::load(dir.path());
  const auto id = model->tokenizer().tokenize("river").ids.front();
  spoil(dir.path(), "bert.embeddings.word_embeddings.weight",
        static_cast<std::int64_t>(id) * model->config().hidden_size + 3);
  const auto spoiled = Model::load(dir.path());
  const std::vector<QaRequest> requests{
      {.question = "who", .passages = {{"a", "the king is old"}}},
      {.question = "who", .passages = {{"b", "the king of the river"}}},
      {.question = "who", .passages = {{"c", "the old mill"}}}};
  std::vector<bool> read(3);
  SpanQa(spoiled).answer_each(requests, [&](std::size_t request, Outcome<QaResult>&& outcome) {
    read[request] = outcome.ok();
  });
  EXPECT_EQ(read, (std::vector<bool>{true, false, true}));
}

// Each weight is a number: what overflows is the arithmetic, and no store is blamed that there is
// not.
TEST(NotFinite, WeightsThatAreTooLargeAreBlamedWhereNothingWasStored) {
  const std::string too_large = "the weights are too large for the arithmetic (fp32)";
  const Passage passage{.id = "p", .text = "the king of the river"};
  const std::vector<QaRequest> requests{{.question = "who", .passages = {passage}}};
  for (const char* layer : {"bert.encoder.layer.1", "bert.encoder.layer.2"}) {
    const test::TempDir dir;
    test::write_tiny_model(dir.path());
    const std::string norm = std::string(layer) + ".output.LayerNorm.";
    enlarge(dir.path(), {norm + "weight", norm + "bias"});
    for (const int split_layer : {0, 2}) {
      const SpanQa qa(Model::load(dir.path(), {.split_layer = split_layer}));
      expect_blamed(too_large, [&] { static_cast<void>(qa.answer(requests)); });
    }
  }
}

TEST(NotFinite, StoredStatesMayBeToBlameToo) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path());
  const std::string norm = "bert.encoder.layer.2.output.LayerNorm.";
  enlarge(dir.path(), {norm + "weight", norm + "bias"});
  const auto model = Model::load(dir.path());
  const std::shared_ptr<PassageStore> store = open_passage_store("memory:", model->fingerprint());
  const Passage passage{.id = "p", .text = "the king of the river"};
  PassageEncoder(model, store).encode({&passage, 1});
  const std::vector<QaRequest> requests{{.question = "who", .passages = {{"p", ""}}}};
  expect_blamed("its stored states are not numbers, or the weights are too large",
                [&] { static_cast<void>(SpanQa(model, store).answer(requests)); });
}

TEST(NotFinite, TheLowerLayersBlameTheWeights) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path());
  const std::string norm = "bert.encoder.layer.1.output.LayerNorm.";
  enlarge(dir.path(), {norm + "weight", norm + "bias"});
  const auto model = Model::load(dir.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const Passage passage{.id = "p", .text = "the king of the river"};
  expect_blamed("the weights are too large for the arithmetic (fp32)", [&] {
    PassageEncoder(model, store).encode({&passage, 1});
  });
}

TEST(NotFinite, TheScoreOfNoAnswerCountsToo) {
  const auto model = Model::random(test::tiny_model_config());
  const QaRequest request{.question = "7", .passages = {{"p", "7 8"}}};
  EncodedPassage encoded;
  encoded.id = "p";
  encoded.text = "7 8";
  encoded.spans = {{0, 1}, {2, 3}};
  encoded.windows = {{0, 2}};
  ReadyPassage passage;
  passage.encoded = std::make_shared<const EncodedPassage>(encoded);
  WindowOutputs outputs{.values = {1, 2, 0, 3, 4, 5, 0, 6}, .rows = 4};
  SpanReading reading(*model, request, {.allow_no_answer = true}, "request",
                      [](Outcome<QaResult>&&) {});
  reading.take({.passage = &passage, .windows = {&outputs, 1}});
  outputs.values.back() = std::numeric_limits<float>::quiet_NaN();
  test::expect_error(ErrorCode::kCorrupt, "passage \"p\"", [&] {
    reading.take({.passage = &passage, .windows = {&outputs, 1}});
  });
}

}  // namespace
}  // namespace deformer
