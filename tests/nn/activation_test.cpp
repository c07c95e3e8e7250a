#include "nn/activation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "nn/formulas.h"

namespace deformer::nn {
namespace {

using test::gelu_erf;
using test::gelu_tanh;

double gelu_erf_slope(double x) {
  constexpr double kPi = 3.141592653589793;
  return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-x * x / 2) / std::sqrt(2 * kPi);
}

at::Tensor filled(double x) {
  return at::full({1, 1}, x, at::kFloat);
}

// Resident memory of this process.
double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * 4096 / (1 << 20);
}

TEST(Activation, FollowsItsFormula) {
  for (const double x : {-4.0, -1.5, -0.3, 0.0, 0.7, 2.5, 6.0}) {
    const auto value = [&](Activation activation) {
      return activate(activation, filled(x)).item<double>();
    };
    EXPECT_NEAR(value(Activation::kGeluErf), gelu_erf(x), 1e-6) << x;
    EXPECT_NEAR(value(Activation::kGeluTanh), gelu_tanh(x), 1e-6) << x;
    EXPECT_NEAR(value(Activation::kRelu), std::max(x, 0.0), 1e-6) << x;
  }
}

TEST(Activation, ErfAndTanhFormsDiffer) {
  const double difference = activate(Activation::kGeluErf, filled(2)).item<double>() -
                            activate(Activation::kGeluTanh, filled(2)).item<double>();
  EXPECT_GT(std::abs(difference), 1e-5);
}

TEST(Activation, ReachesEveryRowWhateverTheirNumber) {
  for (const std::int64_t rows : {0, 1, 2, 3, 27, 64, 100}) {
    const at::Tensor input = at::linspace(-3, 3, rows * 5, at::kFloat).view({rows, 5});
    const at::Tensor output = activate(Activation::kGeluErf, input.clone());
    ASSERT_EQ(output.sizes(), input.sizes());
    for (std::int64_t i = 0; i < input.numel(); ++i) {
      EXPECT_NEAR(output.const_data_ptr<float>()[i], gelu_erf(input.const_data_ptr<float>()[i]),
                  1e-6)
          << i << " of " << rows << " rows";
    }
  }
}

TEST(Activation, TakesOverTheMemoryOfItsInput) {
  const at::Tensor input = at::ones({7, 5});
  for (const Activation activation :
       {Activation::kGeluErf, Activation::kGeluTanh, Activation::kRelu}) {
    EXPECT_EQ(activate(activation, input).const_data_ptr(), input.const_data_ptr());
  }
}

TEST(Activation, HasTheFormulasSlopeAndLeavesAnInputThatNeedsGradients) {
  const at::Tensor input = at::linspace(-3, 3, 35, at::kFloat).view({7, 5}).requires_grad_();
  const at::Tensor before = input.detach().clone();
  const at::Tensor output = activate(Activation::kGeluErf, input);
  output.sum().backward();
  EXPECT_TRUE(at::equal(input.detach(), before));
  EXPECT_TRUE(output.is_contiguous());
  for (std::int64_t i = 0; i < before.numel(); ++i) {
    const double x = before.const_data_ptr<float>()[i];
    EXPECT_NEAR(output.detach().const_data_ptr<float>()[i], gelu_erf(x), 1e-6);
    EXPECT_NEAR(input.grad().const_data_ptr<float>()[i], gelu_erf_slope(x), 1e-5);
  }
}

// oneDNN kept 0.1 to 0.5 MB for every number of rows.
TEST(Activation, DoesNotGrowTheProcessWithEverNewShapes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory that was freed";
#endif
  const c10::InferenceMode inference;
  const auto run = [](std::int64_t from, std::int64_t to) {
    for (std::int64_t rows = from; rows < to; ++rows) {
      static_cast<void>(activate(Activation::kGeluErf, at::ones({rows, 64})));
    }
  };
  run(1, 260);
  const double before = resident_mib();
  run(260, 500);
  EXPECT_LT(resident_mib() - before, 8);
}

}  // namespace
}  // namespace deformer::nn
