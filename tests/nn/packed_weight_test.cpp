// Products of few rows against the same products in fp64.
#include "nn/packed_weight.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "nn/linear.h"
#include "nn/placement.h"
#include "nn/random_tensor.h"

namespace deformer::nn {
namespace {

constexpr std::int64_t kIn = 70;  // no multiple of any block
constexpr std::int64_t kOut = 50;

at::Tensor linear_in_double(const at::Tensor& input, const at::Tensor& weight,
                            const at::Tensor& bias) {
  return at::linear(input.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
}

// Every activation with what it makes of the product.
std::vector<std::pair<Activation, at::Tensor>> activated(const at::Tensor& product) {
  return {{Activation::kGeluErf, at::gelu(product, "none")},
          {Activation::kGeluTanh, at::gelu(product, "tanh")},
          {Activation::kRelu, at::relu(product)}};
}

double largest_difference(const at::Tensor& found, const at::Tensor& input,
                          const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor exact = linear_in_double(input, weight, bias);
  EXPECT_EQ(found.sizes(), exact.sizes());
  return (found.to(at::kDouble) - exact).abs().max().item<double>();
}

class PackedWeightTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_packed_product()) GTEST_SKIP() << "this LibTorch has no packed product";
  }

  const c10::InferenceMode inference_;
  const at::Tensor weight_ = test::random_tensor({kOut, kIn}, 1);
  const at::Tensor bias_ = test::random_tensor({kOut}, 2);
};

TEST_F(PackedWeightTest, EveryNumberOfRows) {
  const PackedWeight packed(weight_);
  for (const std::int64_t rows : {1, 3, 4, 5, 27, 33, 64, 191, 192, 193, 639, 640}) {
    const at::Tensor input = test::random_tensor({rows, kIn}, 3);
    EXPECT_LT(largest_difference(packed.multiply(input, bias_), input, weight_, bias_), 2e-5);
    EXPECT_LT(largest_difference(packed.multiply(input, {}), input, weight_, at::zeros({kOut})),
              2e-5);
  }
}

TEST_F(PackedWeightTest, ActivationsAreThoseOfTheProduct) {
  const PackedWeight packed(weight_);
  const at::Tensor input = test::random_tensor({33, kIn}, 3);
  const at::Tensor product = linear_in_double(input, weight_, bias_);
  for (const auto& [activation, expected] : activated(product)) {
    const at::Tensor found = packed.multiply(input, bias_, activation);
    EXPECT_LT((found.to(at::kDouble) - expected).abs().max().item<double>(), 2e-5);
  }
}

TEST_F(PackedWeightTest, ViewsOfAnyStrides) {
  const at::Tensor transposed = weight_.t().contiguous();
  const at::Tensor wide = test::random_tensor({9, 3 * kIn}, 4);
  const at::Tensor input = wide.narrow(1, kIn, kIn);
  const PackedWeight packed(transposed.t());
  EXPECT_LT(largest_difference(packed.multiply(input, bias_), input, weight_, bias_), 2e-5);
}

TEST_F(PackedWeightTest, ARowIsNotTouchedByTheOthers) {
  const PackedWeight packed(weight_);
  const at::Tensor input = test::random_tensor({7, kIn}, 5);
  const at::Tensor before = packed.multiply(input, bias_);
  input[6].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor after = packed.multiply(input, bias_);
  EXPECT_TRUE(after.narrow(0, 0, 6).equal(before.narrow(0, 0, 6)));
  EXPECT_TRUE(after[6].isnan().all().item<bool>());
}

TEST_F(PackedWeightTest, ThreadsThatComeFirstTogether) {
  const PackedWeight packed(weight_);
  const at::Tensor input = test::random_tensor({8, kIn}, 6);
  std::vector<at::Tensor> results(4);
  {
    std::vector<std::jthread> threads;
    for (at::Tensor& result : results) {
      threads.emplace_back([&] {
        const c10::InferenceMode inference;
        result = packed.multiply(input, bias_);
      });
    }
  }
  for (const at::Tensor& result : results) {
    EXPECT_LT(largest_difference(result, input, weight_, bias_), 2e-5);
  }
}

// In a type of fewer bits everything but the sum is rounded: values of size 1, 70 of them a sum.
class RoundedPackedWeight : public PackedWeightTest, public testing::WithParamInterface<Precision> {
 protected:
  void SetUp() override {
    if (!has_packed_product() || !supports(Device::kCpu, GetParam())) {
      GTEST_SKIP() << "needs a processor with products in " << to_string(GetParam());
    }
  }
};

TEST_P(RoundedPackedWeight, EveryNumberOfRows) {
  const at::ScalarType type = placement_of({.precision = GetParam()}).type;
  const at::Tensor weight = weight_.to(type);
  const at::Tensor bias = bias_.to(type);
  const PackedWeight packed(weight, kAnyRows);
  // Half a unit in the last of 8 or 11 bits of a result below 64.
  const double rounding = 64 * (type == at::kHalf ? 1.0 / 2048 : 1.0 / 256);
  for (const std::int64_t rows : {1, 3, 32, 33, 300, 513}) {
    const at::Tensor input = test::random_tensor({rows, kIn}, 3).to(type);
    const at::Tensor found = packed.multiply(input, bias);
    EXPECT_EQ(found.scalar_type(), type);
    EXPECT_LT(largest_difference(found, input, weight, bias), rounding);
  }
}

TEST_P(RoundedPackedWeight, ActivationsAreThoseOfTheUnroundedProduct) {
  const at::ScalarType type = placement_of({.precision = GetParam()}).type;
  const PackedWeight packed(weight_.to(type));
  const at::Tensor input = test::random_tensor({33, kIn}, 3).to(type);
  const at::Tensor product = linear_in_double(input, weight_.to(type), bias_.to(type));
  const double rounding = 64 * (type == at::kHalf ? 1.0 / 2048 : 1.0 / 256);
  for (const auto& [activation, expected] : activated(product)) {
    const at::Tensor found = packed.multiply(input, bias_.to(type), activation);
    EXPECT_LT((found.to(at::kDouble) - expected).abs().max().item<double>(), rounding);
    EXPECT_GT(found.min().item<double>(), -0.2);
  }
}

TEST_P(RoundedPackedWeight, IsTheOnlyCopyThatALayerKeeps) {
  const at::ScalarType type = placement_of({.precision = GetParam()}).type;
  const Linear linear(weight_.to(type), bias_.to(type), GetParam());
  EXPECT_EQ(linear.weight().sizes(), weight_.sizes());
  EXPECT_EQ(linear.weight().storage().nbytes(), weight_.to(type).element_size());
  const at::Tensor input = test::random_tensor({5, kIn}, 4).to(type);
  EXPECT_LT(largest_difference(linear.forward(input), input, weight_.to(type), bias_.to(type)), 1);
}

INSTANTIATE_TEST_SUITE_P(Types, RoundedPackedWeight,
                         testing::Values(Precision::kBf16, Precision::kFp16),
                         [](const auto& test) { return to_string(test.param); });

// The packed layout is a copy: a weight in training would be left behind by it.
TEST_F(PackedWeightTest, AWeightThatMayChangeIsNotPacked) {
  const c10::InferenceMode off(false);
  const at::Tensor weight = weight_.clone();
  const at::Tensor bias = bias_.clone();
  const Linear linear(weight, bias);
  const at::Tensor input = test::random_tensor({8, kIn}, 7);
  static_cast<void>(linear.forward(input));
  weight.mul_(-2);
  EXPECT_LT(largest_difference(linear.forward(input), input, weight, bias), 5e-5);
}

TEST_F(PackedWeightTest, FewRowsAndManyGiveTheSame) {
  const Linear linear(weight_, bias_);
  constexpr std::int64_t kMany = 641;  // with any processor
  if (!packed_rows_are_measured() && (most_packed_rows() < 8 || most_packed_rows() >= kMany)) {
    GTEST_SKIP() << "DEFORMER_PRODUCT has one product for both";
  }
  ASSERT_TRUE(PackedWeight(weight_).takes(8));
  ASSERT_FALSE(PackedWeight(weight_).takes(kMany));
  const at::Tensor input = test::random_tensor({kMany, kIn}, 8);
  const at::Tensor many = linear.forward(input);
  const at::Tensor few = linear.forward(input.narrow(0, 0, 8));
  EXPECT_LT((many.narrow(0, 0, 8) - few).abs().max().item<double>(), 4e-5);
}

}  // namespace
}  // namespace deformer::nn
