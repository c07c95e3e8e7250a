#include "nn/activation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace deformer::nn {
namespace {

// Values by the formulas, in double.
double gelu_erf(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

TEST(Activation, FollowsItsFormula) {
  for (const double x : {-4.0, -1.5, -0.3, 0.0, 0.7, 2.5, 6.0}) {
    const at::Tensor input = at::full({1}, x, at::kFloat);
    EXPECT_NEAR(activate(Activation::kGeluErf, input).item<double>(), gelu_erf(x), 1e-6) << x;
    EXPECT_NEAR(activate(Activation::kGeluTanh, input).item<double>(), gelu_tanh(x), 1e-6) << x;
    EXPECT_NEAR(activate(Activation::kRelu, input).item<double>(), std::max(x, 0.0), 1e-6) << x;
  }
}

TEST(Activation, ErfAndTanhFormsDiffer) {
  const at::Tensor input = at::full({1}, 2.0, at::kFloat);
  const double difference = activate(Activation::kGeluErf, input).item<double>() -
                            activate(Activation::kGeluTanh, input).item<double>();
  EXPECT_GT(std::abs(difference), 1e-5);
}

}  // namespace
}  // namespace deformer::nn
