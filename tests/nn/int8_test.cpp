// Int8 products: the rows' own arithmetic, and the whole against integers and fp32.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/int8_rows.h"
#include "nn/int8_weight.h"
#include "nn/linear.h"
#include "nn/random_tensor.h"

namespace deformer::nn {
namespace {

struct QuantizedRows {
  std::vector<std::uint8_t> values;
  std::vector<float> scales;
};

QuantizedRows quantize(const std::vector<float>& input, std::size_t rows, std::size_t columns,
                       std::size_t stride) {
  QuantizedRows quantized{std::vector<std::uint8_t>(rows * columns), std::vector<float>(rows)};
  quantize_rows({input.data(), rows, columns, stride}, quantized.values.data(),
                quantized.scales.data());
  return quantized;
}

TEST(Int8Rows, ARowIsKeptWithinHalfAStep) {
  constexpr std::size_t kColumns = 67;  // no multiple of any vector width
  std::vector<float> input;
  for (int i = 0; i < 3 * 70; ++i) input.push_back(std::sin(static_cast<float>(i * i)) * 5);
  const QuantizedRows rows = quantize(input, 3, kColumns, 70);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(rows.scales[i], 5.0 / 127, 2e-3);
    for (std::size_t j = 0; j < kColumns; ++j) {
      const double found = (rows.values[i * kColumns + j] - 128.0) * rows.scales[i];
      EXPECT_NEAR(found, input[i * 70 + j], rows.scales[i] * 0.501) << i << " " << j;
    }
  }
}

TEST(Int8Rows, ExtremeRows) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> input{0, 0, 0,   1, -2,        2, 1e-38F,   0, 0,
                                 1, 2, NAN, 1, kInfinity, 0, -3.3e38F, 1, 3.3e38F};
  const QuantizedRows rows = quantize(input, 6, 3, 3);
  EXPECT_EQ(rows.scales[0], 0);
  EXPECT_EQ(std::vector<std::uint8_t>(rows.values.begin() + 3, rows.values.begin() + 6),
            (std::vector<std::uint8_t>{192, 1, 255}));
  EXPECT_EQ(rows.scales[2], 0);  // too small to be inverted: a row of zeros
  EXPECT_EQ(rows.values[6], kInt8Zero);
  EXPECT_TRUE(std::isnan(rows.scales[3]));
  EXPECT_TRUE(std::isinf(rows.scales[4]));
  EXPECT_EQ(rows.values[15], 1);
  EXPECT_EQ(rows.values[17], 255);
}

TEST(Int8Rows, ActivationsFollowTheirFormulas) {
  std::vector<float> inputs;
  for (int i = -2000; i <= 2000; ++i) inputs.push_back(static_cast<float>(i) * 0.01F);
  const auto check = [&](Activation activation, auto&& expected) {
    std::vector<float> values = inputs;
    const float one = 1;
    finish_rows(values.data(), 1, values.size(), {&one, nullptr, activation});
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = inputs[i];
      EXPECT_NEAR(values[i], expected(x), 3e-7 * std::max(1.0, std::abs(x))) << x;
    }
  };
  check(Activation::kGeluErf,
        [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); });
  check(Activation::kGeluTanh, [](double x) {
    return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  });
  check(Activation::kRelu, [](double x) { return std::max(x, 0.0); });
}

TEST(Int8Rows, FinishScalesARowAndAddsTheBias) {
  std::vector<float> values{1, 2, 3, 4};
  const std::vector<float> scales{0.5F, -2};
  const std::vector<float> bias{10, 20};
  finish_rows(values.data(), 2, 2, {scales.data(), bias.data(), {}});
  EXPECT_EQ(values, (std::vector<float>{10.5F, 21, 4, 12}));
}

class Int8WeightTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_int8()) GTEST_SKIP() << "this LibTorch has no int8 product";
  }
};

// The same product with integers held in doubles.
TEST_F(Int8WeightTest, IsTheProductOfTheRoundedNumbers) {
  const at::Tensor weight =
      test::random_tensor({24, 40}, 1) * at::linspace(0.1, 3, 24).unsqueeze(1);
  const at::Tensor input = test::random_tensor({37, 40}, 2);
  const at::Tensor bias = test::random_tensor({24}, 3);
  const at::Tensor found = Int8Weight(weight).multiply(input, bias);

  const auto rounded = [](const at::Tensor& values, double largest) {
    const at::Tensor scales = values.to(at::kDouble).abs().amax(1, true) / largest;
    return at::floor(values.to(at::kDouble) / scales + 0.5) * scales;
  };
  const at::Tensor expected =
      at::matmul(rounded(input, 127), rounded(weight, largest_int8_weight()).t()) + bias;
  // A value halfway between two steps may fall to either side.
  EXPECT_LT((found - expected).abs().max().item<double>(), 0.1);
  EXPECT_LT((found - expected).abs().median().item<double>(), 1e-5);
}

// All products at their largest: sums of two must not leave 16 bits where the machine adds so.
TEST_F(Int8WeightTest, LargestValuesDoNotOverflow) {
  for (const double sign : {1.0, -1.0}) {
    const at::Tensor found =
        Int8Weight(at::full({32, 128}, sign)).multiply(at::full({32, 128}, 2.0), {});
    EXPECT_NEAR(found.min().item<double>(), sign * 256, 0.01);
    EXPECT_NEAR(found.max().item<double>(), sign * 256, 0.01);
  }
}

TEST_F(Int8WeightTest, ARowDoesNotDependOnTheOthersInAnyBit) {
  const Int8Weight weight(test::random_tensor({48, 64}, 4));
  const at::Tensor bias = test::random_tensor({48}, 5);
  const at::Tensor input = test::random_tensor({600, 64}, 6);
  const at::Tensor all = weight.multiply(input, bias, Activation::kGeluErf);
  ASSERT_EQ(all.size(0), 600);
  for (const std::int64_t row : {0, 31, 599}) {
    const at::Tensor alone = weight.multiply(input.narrow(0, row, 1), bias, Activation::kGeluErf);
    EXPECT_TRUE(at::equal(alone[0], all[row])) << row;
  }
  EXPECT_EQ(weight.multiply(input.narrow(0, 0, 0), bias).sizes(), at::IntArrayRef({0, 48}));
}

TEST_F(Int8WeightTest, TakesColumnsOfAWiderMatrix) {
  const Int8Weight weight(test::random_tensor({8, 16}, 7));
  const at::Tensor wide = test::random_tensor({5, 48}, 8);
  const at::Tensor part = wide.narrow(1, 16, 16);
  EXPECT_TRUE(at::equal(weight.multiply(part, {}), weight.multiply(part.contiguous(), {})));
  const at::Tensor turned = test::random_tensor({16, 5}, 9).t();
  EXPECT_TRUE(at::equal(weight.multiply(turned, {}), weight.multiply(turned.contiguous(), {})));
}

TEST_F(Int8WeightTest, ALayerKnowsBothOrdersOfItsWeight) {
  const at::Tensor weight = test::random_tensor({64, 4, 8}, 10);  // in first
  const at::Tensor bias = test::random_tensor({4, 8}, 11);
  const at::Tensor input = test::random_tensor({9, 64}, 12);
  const Linear exact(weight, bias, Precision::kFp32, WeightOrder::kInFirst);
  const Linear rounded(weight, bias, Precision::kInt8, WeightOrder::kInFirst);
  const at::Tensor expected = exact.forward(input, Activation::kGeluTanh);
  const at::Tensor found = rounded.forward(input, Activation::kGeluTanh);
  EXPECT_LT(((found - expected).norm() / expected.norm()).item<double>(), 0.03);
  EXPECT_EQ(rounded.weight().sizes(), weight.sizes());
  EXPECT_EQ(rounded.weight().storage().nbytes(), 4U);
}

}  // namespace
}  // namespace deformer::nn
