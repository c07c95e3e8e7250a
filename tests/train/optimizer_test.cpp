#include "train/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "support/tiny_model.h"

namespace deformer {
namespace {

TEST(ScheduledRate, RisesLinearlyThenFallsToAlmostNothing) {
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 1, 100, 0.1), 0.1);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 10, 100, 0.1), 1.0);
  EXPECT_NEAR(scheduled_rate(1.0, 55, 100, 0.1), 46.0 / 91.0, 1e-12);
  EXPECT_GT(scheduled_rate(1.0, 100, 100, 0.1), 0.0);
  EXPECT_LT(scheduled_rate(1.0, 100, 100, 0.1), 0.02);
}

TEST(ScheduledRate, BeginsAtTheTopWithoutWarmUp) {
  EXPECT_DOUBLE_EQ(scheduled_rate(3.0, 1, 10, 0.0), 3.0 * 10 / 11);
  EXPECT_DOUBLE_EQ(scheduled_rate(3.0, 1, 1, 0.0), 1.5);
}

// The published update, one number at a time.
struct PlainAdamw {
  double first = 0;
  double second = 0;

  double step(double value, double gradient, double rate, double decay, int step) {
    first = 0.9 * first + 0.1 * gradient;
    second = 0.999 * second + 0.001 * gradient * gradient;
    const double corrected = first / (1 - std::pow(0.9, step));
    const double scale = std::sqrt(second / (1 - std::pow(0.999, step))) + 1e-6;
    return value - rate * decay * value - rate * corrected / scale;
  }
};

TEST(Adamw, FollowsThePublishedUpdateAndDecaysOnlyMatrices) {
  const at::Tensor matrix = at::full({1, 1}, 2.0f).set_requires_grad(true);
  const at::Tensor bias = at::full({1}, 2.0f).set_requires_grad(true);
  Adamw optimizer({{matrix, {"m"}}, {bias, {"b"}}}, {.weight_decay = 0.1});
  PlainAdamw for_matrix;
  PlainAdamw for_bias;
  double matrix_value = 2.0;
  double bias_value = 2.0;
  const double gradients[] = {0.5, -0.25, 3.0};
  for (int step = 1; step <= 3; ++step) {
    const double gradient = gradients[step - 1];
    matrix.mutable_grad() = at::full({1, 1}, gradient);
    bias.mutable_grad() = at::full({1}, gradient);
    optimizer.step(0.01, static_cast<std::uint64_t>(step));
    matrix_value = for_matrix.step(matrix_value, gradient, 0.01, 0.1, step);
    bias_value = for_bias.step(bias_value, gradient, 0.01, 0.0, step);
    EXPECT_NEAR(matrix.item<float>(), matrix_value, 1e-6);
    EXPECT_NEAR(bias.item<float>(), bias_value, 1e-6);
    EXPECT_FALSE(matrix.grad().defined());
  }
}

TEST(Adamw, LeavesATwoDimensionalBiasUndecayed) {
  const at::Tensor bias = at::full({2, 2}, 2.0f).set_requires_grad(true);
  Adamw optimizer({{bias, {"layer.0.rel_attn.r_w_bias"}}}, {.weight_decay = 0.1});
  bias.mutable_grad() = at::zeros({2, 2});
  optimizer.step(0.01, 1);
  EXPECT_TRUE(at::equal(bias.detach(), at::full({2, 2}, 2.0f)));
}

// The first update of Adam is the rate, whatever the gradient.
TEST(Adamw, EachParameterHasItsShareOfTheRate) {
  const at::Tensor head = at::zeros({1}).set_requires_grad(true);
  const at::Tensor layer = at::zeros({1}).set_requires_grad(true);
  const at::Tensor matrix = at::zeros({1, 1}).set_requires_grad(true);
  Adamw optimizer({{head, {"h"}}, {layer, {"l"}}, {matrix, {"m"}}}, {}, {1, 0.5, 0.25});
  for (const at::Tensor& each : {head, layer, matrix}) {
    each.mutable_grad() = at::full_like(each.detach(), -7.0f);
  }
  optimizer.step(0.01, 1);
  EXPECT_NEAR(head.item<float>(), 0.01, 1e-6);
  EXPECT_NEAR(layer.item<float>(), 0.005, 1e-6);
  EXPECT_NEAR(matrix.item<float>(), 0.0025, 1e-6);
}

TEST(RateFactors, FallFromTheHeadToTheEmbeddings) {
  const ModelConfig config = test::tiny_model_config({.layers = 3});
  const at::Tensor any = at::zeros({1});
  const std::vector<Parameter> parameters{{any, {"qa_outputs.weight"}},
                                          {any, {"bert.encoder.layer.2.output.dense.weight"}},
                                          {any, {"bert.encoder.layer.0.output.dense.weight"}},
                                          {any, {"bert.embeddings.word_embeddings.weight"}}};
  EXPECT_EQ(rate_factors(parameters, config, 0.5), (std::vector<double>{1, 0.5, 0.125, 0.0625}));
  EXPECT_EQ(rate_factors(parameters, config, 1), (std::vector<double>{1, 1, 1, 1}));
}

TEST(GradientNorm, IsThatOfAllParametersTogether) {
  const at::Tensor a = at::zeros({2}).set_requires_grad(true);
  const at::Tensor b = at::zeros({1, 1}).set_requires_grad(true);
  const at::Tensor unused = at::zeros({4}).set_requires_grad(true);
  a.mutable_grad() = at::full({2}, 2.0f);
  b.mutable_grad() = at::full({1, 1}, 1.0f);
  const std::vector<Parameter> all{{a, {"a"}}, {b, {"b"}}, {unused, {"c"}}};
  EXPECT_NEAR(gradient_norm(all), 3.0, 1e-6);
  scale_gradients(all, 0.5);
  EXPECT_NEAR(gradient_norm(all), 1.5, 1e-6);
}

}  // namespace
}  // namespace deformer
