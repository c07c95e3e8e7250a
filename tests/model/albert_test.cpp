// ALBERT's layers have the same weights.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "architecture/architecture.h"
#include "architecture/segment_layout.h"
#include "base/file.h"
#include "base/json.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "model/model_access.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

std::shared_ptr<const Model> load(const std::filesystem::path& dir, int layers, int split_layer) {
  test::write_tiny_model(dir,
                         {.architecture = "albert", .layers = layers, .split_layer = split_layer});
  return Model::load(dir);
}

TEST(Albert, WeightsAreInMemoryOnceHoweverManyLayersThereAre) {
  const test::TempDir dir;
  const auto few = load(dir.path(), 2, 1);
  const auto many = load(dir.path(), 12, 6);
  EXPECT_EQ(few->num_parameters(), many->num_parameters());
  EXPECT_EQ(few->encoder().parameters().size(), many->encoder().parameters().size());
}

TEST(Albert, TheNumberOfLayersCounts) {
  const test::TempDir dir;
  const auto two = load(dir.path(), 2, 0);
  const auto three = load(dir.path(), 3, 0);
  const std::vector<std::int32_t> ids{7, 8, 9};
  const std::vector<Segment> question{ModelAccess::layout(*two).question(ids)};
  const std::vector<Segment> passage{ModelAccess::layout(*two).passage(ids, 0)};
  const auto run = [&](const Encoder& encoder) {
    return encoder
        .upper(encoder.lower(question), encoder.lower(passage), std::vector{SegmentPair{}},
               JointRows::kAll)
        .hidden;
  };
  EXPECT_GT((run(two->encoder()) - run(three->encoder())).abs().max().item<double>(), 0.1);
}

// All layers are the same weights, so what tells two splits apart is the split alone.
TEST(Albert, StoresOfTwoSplitsAreNotConfused) {
  const test::TempDir dir;
  const auto model = load(dir.path(), 12, 3);
  std::set<std::string> fingerprints;
  for (int split_layer = 1; split_layer < 12; ++split_layer) {
    fingerprints.insert(to_string(model->with_split_layer(split_layer)->fingerprint()));
  }
  EXPECT_EQ(fingerprints.size(), 11u);
  const auto store = open_passage_store("memory:", model->fingerprint());
  const auto other = model->with_split_layer(6);
  test::expect_error(ErrorCode::kIncompatible, "expected the fingerprint of the model",
                     [&] { PassageEncoder(other, store); });
}

// The weights above the split are those below it.
TEST(Albert, AFingerprintDependsOnTheSharedWeightsAtEverySplit) {
  const ModelConfig config = test::tiny_model_config({.architecture = "albert", .split_layer = 1});
  const std::string layer = "albert.encoder.albert_layer_groups.0.albert_layers.0.";
  for (const char* name : {"attention.query.weight", "ffn.bias", "full_layer_layer_norm.weight"}) {
    EXPECT_TRUE(is_lower_weight(config, layer + name)) << name;
    EXPECT_FALSE(is_projection_weight(config, layer + name)) << name;
  }
  EXPECT_TRUE(is_lower_weight(config, "albert.encoder.embedding_hidden_mapping_in.weight"));
  EXPECT_FALSE(is_lower_weight(config, "albert.pooler.weight"));
  EXPECT_FALSE(is_lower_weight(config, "qa_outputs.weight"));
}

TEST(Albert, RefusesGroupsOfLayers) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path(), {.architecture = "albert"});
  for (const char* key : {"num_hidden_groups", "inner_group_num"}) {
    nlohmann::json config = load_json(dir / "config.json");
    config[key] = 2;
    write_file(dir / "config.json", config.dump());
    test::expect_error(ErrorCode::kUnsupported, std::string(key) + ": expected 1, found 2",
                       [&] { static_cast<void>(load_model_config(dir.path())); });
    config[key] = 1;
    write_file(dir / "config.json", config.dump());
  }
}

}  // namespace
}  // namespace deformer
