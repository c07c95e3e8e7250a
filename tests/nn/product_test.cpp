// Every product against the same one in fp64, and which of them is taken.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/processor.h"
#include "nn/formulas.h"
#include "nn/fp16_weight.h"
#include "nn/int8_weight.h"
#include "nn/linear.h"
#include "nn/operation.h"
#include "nn/packed_weight.h"
#include "nn/product_choice.h"
#include "nn/random_tensor.h"
#include "support/expect_error.h"

namespace deformer::nn {
namespace {

using test::expect_error;

constexpr std::int64_t kProductIn = 70;  // no multiple of any block
constexpr std::int64_t kProductOut = 50;

// Sums in fp64, one after the other: no product of LibTorch's is asked.
at::Tensor exact_product(const at::Tensor& input, const at::Tensor& weight,
                         const at::Tensor& bias) {
  const at::Tensor rows = input.to(at::kDouble).contiguous();
  const at::Tensor matrix = weight.to(at::kDouble).contiguous();
  at::Tensor output = at::zeros({rows.size(0), matrix.size(0)}, at::kDouble);
  const auto x = rows.accessor<double, 2>();
  const auto w = matrix.accessor<double, 2>();
  auto y = output.accessor<double, 2>();
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    for (std::int64_t j = 0; j < matrix.size(0); ++j) {
      for (std::int64_t k = 0; k < rows.size(1); ++k) y[i][j] += x[i][k] * w[j][k];
    }
  }
  return bias.defined() ? output + bias.to(at::kDouble) : output;
}

double activated(std::optional<Activation> activation, double x) {
  if (!activation) return x;
  switch (*activation) {
    case Activation::kGeluErf:
      return test::gelu_erf(x);
    case Activation::kGeluTanh:
      return test::gelu_tanh(x);
    case Activation::kRelu:
      return std::max(x, 0.0);
  }
  return x;
}

at::Tensor expected(const at::Tensor& product, std::optional<Activation> activation) {
  at::Tensor output = product.clone();
  double* values = output.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < output.numel(); ++i) values[i] = activated(activation, values[i]);
  return output;
}

double difference(const at::Tensor& found, const at::Tensor& exact) {
  EXPECT_EQ(found.sizes(), exact.sizes());
  return (found.to(at::kDouble) - exact).abs().max().item<double>();
}

// The products of a weight whose values are fp16, with what a result of size 10 may be off.
class Products : public testing::TestWithParam<ProductKind> {
 protected:
  void SetUp() override {
    const bool there = GetParam() == ProductKind::kPlain ||
                       (GetParam() == ProductKind::kPacked && has_packed_product()) ||
                       (GetParam() == ProductKind::kFp16 && has_fp16_weights()) ||
                       (GetParam() == ProductKind::kInt8 && has_int8());
    if (!there) GTEST_SKIP() << "not with this LibTorch on this processor";
  }

  [[nodiscard]] std::unique_ptr<const Product> make(const at::Tensor& weight) const {
    switch (GetParam()) {
      case ProductKind::kPlain:
        return std::make_unique<const PlainProduct>(weight, WeightOrder::kOutFirst);
      case ProductKind::kPacked:
        return std::make_unique<const PackedWeight>(weight, kAnyRows);
      case ProductKind::kFp16:
        return std::make_unique<const Fp16Weight>(weight);
      case ProductKind::kInt8:
        return std::make_unique<const Int8Weight>(weight);
    }
    return nullptr;
  }
  // Of int8 a hundredth of the size of a row's results, several deviations of it.
  [[nodiscard]] double tolerance() const { return GetParam() == ProductKind::kInt8 ? 1 : 4e-5; }

  const c10::InferenceMode inference_;
  const at::Tensor weight_ =
      test::random_tensor({kProductOut, kProductIn}, 1).to(at::kHalf).to(at::kFloat);
  const at::Tensor bias_ = test::random_tensor({kProductOut}, 2);
};

TEST_P(Products, IsTheOneInDoubles) {
  const auto product = make(weight_);
  EXPECT_EQ(product->kind(), GetParam());
  for (const std::int64_t rows : {1, 2, 13, 14, 15, 27, 120, 121, 240, 479, 480, 481, 700}) {
    const at::Tensor input = test::random_tensor({rows, kProductIn}, 3);
    const at::Tensor exact = exact_product(input, weight_, bias_);
    EXPECT_LT(difference(product->multiply(input, bias_), exact), tolerance()) << rows;
    EXPECT_LT(difference(product->multiply(input, {}), exact - bias_.to(at::kDouble)), tolerance())
        << rows;
    for (const Activation activation :
         {Activation::kGeluErf, Activation::kGeluTanh, Activation::kRelu}) {
      EXPECT_LT(
          difference(product->multiply(input, bias_, activation), expected(exact, activation)),
          tolerance())
          << rows;
    }
  }
}

TEST_P(Products, NoRowsGiveNoRows) {
  EXPECT_EQ(make(weight_)->multiply(test::random_tensor({0, kProductIn}, 3), bias_).sizes(),
            at::IntArrayRef({0, kProductOut}));
}

TEST_P(Products, TakesViewsOfAnyStrides) {
  const auto product = make(weight_.t().contiguous().t());
  const at::Tensor input =
      test::random_tensor({9, 3 * kProductIn}, 4).narrow(1, kProductIn, kProductIn);
  EXPECT_LT(difference(product->multiply(input, bias_), exact_product(input, weight_, bias_)),
            tolerance());
}

TEST_P(Products, ARowIsNotTouchedByANaNInAnother) {
  const auto product = make(weight_);
  const at::Tensor input = test::random_tensor({31, kProductIn}, 5);
  const at::Tensor before = product->multiply(input, bias_);
  input[30].fill_(std::numeric_limits<float>::quiet_NaN());
  const at::Tensor after = product->multiply(input, bias_);
  EXPECT_TRUE(after.narrow(0, 0, 30).equal(before.narrow(0, 0, 30)));
  EXPECT_TRUE(after[30].isnan().all().item<bool>());
}

std::string name_of(const testing::TestParamInfo<ProductKind>& test) {
  std::string name = to_string(test.param);
  name.front() = static_cast<char>(std::toupper(name.front()));
  return name;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Products,
                         testing::Values(ProductKind::kPlain, ProductKind::kPacked,
                                         ProductKind::kFp16, ProductKind::kInt8),
                         name_of);

class Fp16WeightTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_fp16_weights()) GTEST_SKIP() << "this LibTorch has no product of fp16 weights";
  }
  const c10::InferenceMode inference_;
};

// All values of fp16 times 1, subnormal ones too.
TEST_F(Fp16WeightTest, EveryFiniteValueIsExact) {
  const at::Tensor all = at::arange(-0x8000, 0x8000, at::kShort).view(at::kHalf);
  const at::Tensor weight = all.masked_select(all.isfinite()).view({-1, 1});
  ASSERT_EQ(weight.size(0), 0x10000 - 2 * 0x400);
  const at::Tensor found = Fp16Weight(weight).multiply(at::ones({1, 1}), {});
  EXPECT_TRUE(found.view({-1}).equal(weight.view({-1}).to(at::kFloat)));
}

// With AVX2 FBGEMM adds one or two rows left over in another order.
TEST_F(Fp16WeightTest, ARowDoesNotDependOnTheOthersInAnyBitWithAvx512) {
  const Fp16Weight weight(
      test::random_tensor({200, 600}, 1).to(at::kHalf));  // two of FBGEMM's blocks deep
  const at::Tensor bias = test::random_tensor({200}, 2);
  const at::Tensor input = test::random_tensor({700, 600}, 3);
  const at::Tensor all = weight.multiply(input, bias, Activation::kGeluErf);
  for (const std::int64_t count : {1, 2, 14, 27, 121, 479, 480}) {
    const at::Tensor some =
        weight.multiply(input.narrow(0, 200, count), bias, Activation::kGeluErf);
    const at::Tensor same = all.narrow(0, 200, count);
    EXPECT_TRUE(has_avx512() ? some.equal(same) : some.allclose(same, 1e-5, 1e-5)) << count;
  }
}

TEST_F(Fp16WeightTest, IsTheOnlyCopyThatALayerKeeps) {
  const at::Tensor weight = test::random_tensor({64, 4, 8}, 1);  // in first
  const at::Tensor bias = test::random_tensor({4, 8}, 2);
  const at::Tensor input = test::random_tensor({9, 64}, 3);
  const Linear exact(weight.to(at::kHalf).to(at::kFloat), bias, Precision::kFp32,
                     WeightOrder::kInFirst);
  const Linear linear(weight.to(at::kHalf), bias, Precision::kFp32, WeightOrder::kInFirst);
  for (const std::int64_t rows : {1, 27, 192, 193, 4096}) {
    EXPECT_EQ(linear.product_for(rows).kind(), ProductKind::kFp16);
  }
  EXPECT_LT((linear.forward(input) - exact.forward(input)).abs().max().item<double>(), 4e-5);
  EXPECT_EQ(linear.weight().sizes(), weight.sizes());
  EXPECT_EQ(linear.weight().storage().nbytes(), 2U);
}

// FBGEMM allocates for itself: malloc's own account, in which LibTorch's tensors are too.
TEST_F(Fp16WeightTest, HoldsItsWeightOnceAfterProductsOfFewAndManyRows) {
  constexpr std::int64_t kWidth = 2048;
  constexpr std::size_t kBytes = sizeof(c10::Half) * kWidth * kWidth;
  const auto allocated = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const at::Tensor input = test::random_tensor({600, kWidth}, 1);
  static_cast<void>(Linear(at::ones({64, kWidth}, at::kHalf), {}).forward(input));  // warms up
  const std::size_t before = allocated();
  const Linear linear(test::random_tensor({kWidth, kWidth}, 2).to(at::kHalf), {});
  for (const std::int64_t rows : {1, 27, 600}) {
    static_cast<void>(linear.forward(input.narrow(0, 0, rows), Activation::kGeluErf));
  }
  const std::size_t grown = allocated() - before;
  if (grown == 0) GTEST_SKIP() << "this malloc keeps no account";
  EXPECT_GT(grown, kBytes * 9 / 10);
  EXPECT_LT(grown, kBytes * 11 / 10);
}

TEST(ProductChoice, AWeightThatMayChangeHasThePlainProductAlone) {
  for (const at::ScalarType type : {at::kFloat, at::kHalf}) {
    const Linear linear(test::random_tensor({kProductOut, kProductIn}, 1).to(type), {});
    EXPECT_EQ(linear.product_for(1).kind(), ProductKind::kPlain);
  }
}

TEST(ProductChoice, ValuesOfTheVariable) {
  EXPECT_EQ(parse_packed_rows("plain"), 0);
  EXPECT_EQ(parse_packed_rows("packed"), kAnyRows);
  EXPECT_EQ(parse_packed_rows("192"), 192);
  for (const char* wrong : {"", "0", "-1", "fast", "192 ", "99999999999999999999"}) {
    expect_error(ErrorCode::kInvalidArgument, "DEFORMER_PRODUCT: expected plain, packed or",
                 [&] { static_cast<void>(parse_packed_rows(wrong)); });
  }
}

// Measured or told, one process has one answer.
TEST(ProductChoice, TheLimitIsFixed) {
  const std::int64_t most = most_packed_rows();
  EXPECT_EQ(most_packed_rows(), most);
  if (packed_rows_are_measured()) {
    EXPECT_GE(most, 32);
    EXPECT_LE(most, 640);
  }
  EXPECT_EQ(product_kind({}, most), most > 0 ? ProductKind::kPacked : ProductKind::kPlain);
  if (most < kAnyRows) {
    EXPECT_EQ(product_kind({}, most + 1), ProductKind::kPlain);
  }
  EXPECT_EQ(product_kind({.weights = WeightType::kFp16}, 4096), ProductKind::kFp16);
  EXPECT_EQ(product_kind({.precision = Precision::kInt8}, 4096), ProductKind::kInt8);
  EXPECT_EQ(product_kind({.device = Device::kCuda}, 8), ProductKind::kPlain);
}

TEST(Operation, IsWrongWhereItComputesSomethingElse) {
  const at::Tensor three = at::full({2, 2}, 3.0);
  EXPECT_TRUE(computes(three, 0.1, [&] { return three + 0.05; }));
  EXPECT_FALSE(computes(three, 0.1, [&] { return three + 0.2; }));
  EXPECT_FALSE(computes(three, 0.1, [&] { return three / 0 - three / 0; }));  // NaN
  EXPECT_FALSE(computes(three, 0.1, [&] { return three.narrow(0, 0, 1); }));
  EXPECT_FALSE(computes(three, 0.1, []() -> at::Tensor { throw std::runtime_error("no"); }));
  EXPECT_FALSE(computes(three, 0.1,
                        [&] { return call(find_operation("no_library::no_operation"), {three}); }));
}

}  // namespace
}  // namespace deformer::nn
