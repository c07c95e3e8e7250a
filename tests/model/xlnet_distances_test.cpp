#include "model/xlnet_distances.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

namespace deformer {
namespace {

constexpr std::int64_t kHidden = 8;

XlnetSizes sizes() {
  ModelConfig config;
  config.hidden_size = kHidden;
  config.num_attention_heads = 2;
  return XlnetSizes(config);
}

std::vector<at::Tensor> make_weights(std::size_t layers) {
  at::manual_seed(1);
  std::vector<at::Tensor> weights;
  for (std::size_t i = 0; i < layers; ++i) weights.push_back(at::randn({kHidden, 2, 4}));
  return weights;
}

TEST(MakeSinusoids, HasSinesAndThenCosinesOfEachDistance) {
  const at::Tensor table = make_sinusoids(5, kHidden);
  ASSERT_EQ(table.sizes(), (std::vector<std::int64_t>{11, kHidden}));
  for (std::int64_t row = 0; row < 11; ++row) {
    for (std::int64_t m = 0; m < kHidden / 2; ++m) {
      const double exponent = -2.0 * static_cast<double>(m) / kHidden;
      const double angle = static_cast<double>(5 - row) * std::pow(10000.0, exponent);
      EXPECT_NEAR(table[row][m].item<double>(), std::sin(angle), 1e-7);
      EXPECT_NEAR(table[row][m + kHidden / 2].item<double>(), std::cos(angle), 1e-7);
    }
  }
}

TEST(XlnetDistances, MakesAKeyOfEachDistance) {
  XlnetDistances distances(sizes());
  const auto weights = make_weights(2);
  const nn::DistanceTable table = distances.tables(weights, {1, 2}, 3, {}).at(0);
  EXPECT_EQ(table.reach, 3);
  const at::Tensor row = make_sinusoids(3, kHidden)[2];  // distance 1
  const at::Tensor expected = at::einsum("h,hnd->nd", {row, weights[1]}) / 2.0;
  EXPECT_LT((table.keys.select(2, 2) - expected).abs().max().item<double>(), 1e-6);
}

TEST(XlnetDistances, KeepsTablesOfWeightsThatCannotChange) {
  const c10::InferenceMode inference;
  XlnetDistances distances(sizes());
  const auto weights = make_weights(3);
  const auto first = distances.tables(weights, {0, 3}, 10, {});
  EXPECT_GE(first[0].reach, 10);
  const auto again = distances.tables(weights, {1, 3}, 12, {});
  ASSERT_EQ(again.size(), 2u);
  EXPECT_TRUE(again[0].keys.is_same(first[1].keys));
  const auto longer = distances.tables(weights, {0, 1}, first[0].reach + 1, {});
  EXPECT_GT(longer[0].reach, first[0].reach);
}

TEST(XlnetDistances, FollowsWeightsThatChange) {
  XlnetDistances distances(sizes());
  const auto weights = make_weights(1);
  const auto before = distances.tables(weights, {0, 1}, 4, {});
  weights[0].mul_(2);
  const auto after = distances.tables(weights, {0, 1}, 4, {});
  EXPECT_TRUE(at::allclose(after[0].keys, before[0].keys * 2));
}

TEST(XlnetDistances, DropsInTrainingWithoutTouchingWhatItKeeps) {
  const c10::InferenceMode inference;
  XlnetDistances distances(sizes());
  const auto weights = make_weights(1);
  const auto kept = distances.tables(weights, {0, 1}, 4, {});
  const at::Tensor copy = kept[0].keys.clone();
  const auto dropped =
      distances.tables(weights, {0, 1}, kept[0].reach, {.observer = {}, .dropout = 0.5});
  EXPECT_FALSE(at::allclose(dropped[0].keys, copy));
  EXPECT_TRUE(at::equal(distances.tables(weights, {0, 1}, 4, {})[0].keys, copy));
}

}  // namespace
}  // namespace deformer
