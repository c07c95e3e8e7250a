// A weight that is no number: its file and name are said, wherever in the model it is.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "deformer/span_qa.h"
#include "model/weights.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

// Puts a NaN into one value of the weight.
void spoil(const std::filesystem::path& model_dir, const std::string& name) {
  const Checkpoint checkpoint = Checkpoint::open(model_dir, architecture("bert"));
  WeightLoader weights(checkpoint, WeightMemory::kOwned);
  NamedTensors tensors;
  for (const auto& [each, stored] : checkpoint.tensors()) {
    at::Tensor values = weights.take(each, stored.view.shape);
    if (each == name) values.view(-1)[3] = std::numeric_limits<float>::quiet_NaN();
    tensors.emplace_back(each, values);
  }
  write_checkpoint(model_dir, tensors);
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

}  // namespace
}  // namespace deformer
