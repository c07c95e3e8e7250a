#include "nn/distance_bias.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <utility>
#include <vector>

namespace deformer::nn {
namespace {

// T5's formula 8 + log(size / 8) / log(16) * 8 in exact arithmetic: size^2 = 64 * 2^k.
TEST(DistanceBucket, HoldsMoreDistancesTheLongerTheyAre) {
  const std::vector<std::pair<std::int64_t, std::int64_t>> beginnings{
      {0, 0},   {1, 1},   {7, 7},   {8, 8},   {12, 9}, {16, 10},
      {23, 11}, {32, 12}, {46, 13}, {64, 14}, {91, 15}};
  for (std::size_t i = 0; i < beginnings.size(); ++i) {
    const auto& [first, bucket] = beginnings[i];
    const std::int64_t last = i + 1 < beginnings.size() ? beginnings[i + 1].first - 1 : 1'000'000;
    // Between 1 and 7 each distance has its own.
    const std::int64_t last_bucket = first == 1 ? 6 : bucket;
    EXPECT_EQ(distance_bucket(-first), bucket) << first;
    EXPECT_EQ(distance_bucket(-last), last_bucket) << last;
    if (first == 0) continue;
    EXPECT_EQ(distance_bucket(first), 16 + bucket) << first;
    EXPECT_EQ(distance_bucket(last), 16 + last_bucket) << last;
  }
}

// Weight [bucket, head] = bucket + 100 * head.
at::Tensor numbered_weight() {
  return at::arange(kDistanceBuckets, at::kFloat).unsqueeze(1) +
         100 * at::arange(2, at::kFloat).unsqueeze(0);
}

TEST(DistanceBias, GivesEachPairOfRowsTheScoreOfItsDistance) {
  const DistanceBias bias(numbered_weight());
  // A long one after a short one and the reverse: the table that is kept grows.
  for (const std::int64_t length : {3, 200, 20}) {
    const at::Tensor scores = bias.scores(length);
    ASSERT_EQ(scores.sizes(), (std::vector<std::int64_t>{1, 2, length, length}));
    for (const std::int64_t query : {std::int64_t{0}, length / 2, length - 1}) {
      for (std::int64_t key = 0; key < length; ++key) {
        const auto expected = static_cast<float>(distance_bucket(key - query));
        EXPECT_EQ(scores[0][0][query][key].item<float>(), expected);
        EXPECT_EQ(scores[0][1][query][key].item<float>(), expected + 100);
      }
    }
  }
}

TEST(DistanceBias, FollowsAWeightThatIsTrained) {
  const DistanceBias bias(numbered_weight().set_requires_grad(true));
  const at::Tensor before = bias.scores(4);
  EXPECT_TRUE(before.requires_grad());
  // Between two scorings, too.
  for (const int added : {1, 2}) {
    {
      const torch::autograd::AutoGradMode no_gradient(false);
      bias.weight().add_(1);
    }
    EXPECT_TRUE(at::equal(bias.scores(4), before + added));
    const c10::InferenceMode scoring;
    EXPECT_TRUE(at::equal(bias.scores(4), before.detach() + added));
  }
}

// A step of training comes after a score.
TEST(DistanceBias, ScoresMadeAtInferenceCanTakePartInTraining) {
  const DistanceBias bias(numbered_weight());
  {
    const c10::InferenceMode scoring;
    static_cast<void>(bias.scores(8));
  }
  EXPECT_FALSE(bias.scores(8).is_inference());
}

}  // namespace
}  // namespace deformer::nn
