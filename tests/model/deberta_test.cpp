// DeBERTa's buckets, its configuration and what its layouts mean.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "architecture/segment_layout.h"
#include "base/file.h"
#include "base/json.h"
#include "deformer/model.h"
#include "deformer/model_config.h"
#include "model/deberta_buckets.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

constexpr DistanceConfig kPublished{.longest = 512, .buckets = 256};

// From make_log_bucket_position() of transformers 4.57, buckets 256 and 512 positions, plus 256.
TEST(DistanceBuckets, AreThoseOfPublishedModels) {
  const DistanceBuckets buckets(kPublished);
  EXPECT_EQ(buckets.row(0), 256);
  EXPECT_EQ(buckets.row(1), 257);
  EXPECT_EQ(buckets.row(-1), 255);
  EXPECT_EQ(buckets.row(128), 384);
  EXPECT_EQ(buckets.row(129), 385);
  EXPECT_EQ(buckets.row(130), 386);
  EXPECT_EQ(buckets.row(131), 387);
  EXPECT_EQ(buckets.row(200), 425);
  EXPECT_EQ(buckets.row(300), 463);
  EXPECT_EQ(buckets.row(-300), 49);
  EXPECT_EQ(buckets.row(511), 511);
  EXPECT_EQ(buckets.row(-511), 1);
  EXPECT_EQ(buckets.row(-512), 0);
  EXPECT_EQ(buckets.row(100000), 511);
  EXPECT_EQ(buckets.row(-100000), 0);
}

// Whole numbers where a logarithm is one: mid 2, longest 9 distances, so k doublings twice a unit.
TEST(DistanceBuckets, EndExactlyWhereTheFormulaSaysSo) {
  // mid = 3, last = 12: bucket 3 + k ends at 3 * 4^(k / 2): 3, 6, 12.
  const DistanceBuckets buckets({.longest = 13, .buckets = 6});
  const auto bucket = [&](std::int64_t distance) { return buckets.row(distance) - 6; };
  EXPECT_EQ(bucket(3), 3);
  EXPECT_EQ(bucket(4), 4);
  EXPECT_EQ(bucket(6), 4);
  EXPECT_EQ(bucket(7), 5);
  EXPECT_EQ(bucket(12), 5);
  EXPECT_EQ(bucket(-12), -5);
  EXPECT_EQ(bucket(-13), -6);
}

TEST(DistanceBuckets, NeverFallAndAreSymmetricInTheMiddle) {
  for (const DistanceConfig& config :
       {kPublished, DistanceConfig{.longest = 64, .buckets = 8}, DistanceConfig{.longest = 64},
        DistanceConfig{.longest = 4096, .buckets = 1024}}) {
    const DistanceBuckets buckets(config);
    const std::vector<std::int64_t> rows = buckets.rows(5000);
    ASSERT_EQ(rows.size(), 10001u);
    for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_LE(rows[i - 1], rows[i]);
    EXPECT_EQ(rows.front(), 0);
    EXPECT_EQ(rows.back(), config.table_rows() - 1);
    for (std::int64_t d = 0; d < config.longest; ++d) {
      EXPECT_EQ(buckets.row(d) + buckets.row(-d), config.table_rows()) << d;
    }
  }
}

class DebertaConfig : public testing::Test {
 protected:
  DebertaConfig() {
    test::write_tiny_model(dir_.path(), {.architecture = "deberta-v2"});
    document_ = load_json(dir_ / "config.json");
  }

  void expect_refused(const char* key, const nlohmann::json& value, ErrorCode code,
                      const std::string& message) {
    nlohmann::json changed = document_;
    changed[key] = value;
    write_file(dir_ / "config.json", changed.dump());
    test::expect_error(code, message, [&] { (void)load_model_config(dir_.path()); });
  }

  test::TempDir dir_;
  nlohmann::json document_;
};

TEST_F(DebertaConfig, KeepsItsKeys) {
  const ModelConfig config = load_model_config(dir_.path());
  EXPECT_EQ(config.distances.longest, 64);
  EXPECT_EQ(config.distances.buckets, 8);
  EXPECT_EQ(config.distances.convolution_rows, 3);
  EXPECT_TRUE(config.distances.shares_projections);
  EXPECT_TRUE(config.distances.normalised);
  EXPECT_EQ(config.max_position_embeddings, 0);
}

TEST_F(DebertaConfig, RefusesWhatNoPublishedModelHas) {
  const ErrorCode unsupported = ErrorCode::kUnsupported;
  expect_refused("relative_attention", false, unsupported, "relative_attention true");
  expect_refused("position_biased_input", true, unsupported, "position_biased_input false");
  expect_refused("type_vocab_size", 2, unsupported, "type_vocab_size: expected 0, found 2");
  expect_refused("embedding_size", 16, unsupported, "embedding_size: expected 32, found 16");
  expect_refused("pos_att_type", "c2p", unsupported, "pos_att_type: expected p2c|c2p");
  expect_refused("pos_att_type", nlohmann::json::array({"p2p"}), unsupported, "found \"p2p\"");
  expect_refused("norm_rel_ebd", "batch_norm", unsupported, "layer_norm or none");
  for (const int rows : {4, 256, 257}) {
    expect_refused("conv_kernel_size", rows, ErrorCode::kIncompatible,
                   "conv_kernel_size: expected ");
  }
  expect_refused("conv_act", "tanh", unsupported, "conv_act: expected gelu");
  expect_refused("position_buckets", 2, ErrorCode::kIncompatible, "position_buckets");
  expect_refused("position_buckets", 1 << 20, ErrorCode::kIncompatible, "position_buckets");
  expect_refused("max_relative_positions", 5, ErrorCode::kIncompatible, "max_relative_positions");
}

// What the shapes of the weights do not tell is part of the fingerprint.
TEST_F(DebertaConfig, AnotherLongestDistanceIsAnotherFingerprint) {
  const auto before = Model::load(dir_.path(), {.split_layer = 1})->fingerprint();
  document_["max_position_embeddings"] = 48;
  write_file(dir_ / "config.json", document_.dump());
  EXPECT_FALSE(Model::load(dir_.path(), {.split_layer = 1})->fingerprint() == before);
}

// Only distances count, so an ordinary checkpoint can be split as it is.
TEST_F(DebertaConfig, EveryLayoutGoesWithEverySplit) {
  document_.erase("deformer");
  write_file(dir_ / "config.json", document_.dump());
  const auto model = Model::load(dir_.path(), {.split_layer = 2});
  EXPECT_EQ(model->config().split.layout, Layout::kContinue);
  EXPECT_TRUE(model->can_store_passages());
}

}  // namespace
}  // namespace deformer
