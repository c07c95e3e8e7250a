#include "nn/dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <optional>

#include "support/expect_error.h"

namespace deformer::nn {
namespace {

at::Generator generator(std::uint64_t seed) {
  at::Generator made = at::globalContext().defaultGenerator(at::kCPU).clone();
  made.set_current_seed(seed);
  return made;
}

TEST(Dropout, IsTheIdentityWithoutProbability) {
  const at::Tensor input = at::randn({3, 5});
  EXPECT_TRUE(dropout(input, 0.0).is_same(input));
}

TEST(Dropout, ZeroesTheGivenShareAndKeepsTheMean) {
  const at::Tensor input = at::ones({999, 101});  // no multiple of eight
  const at::Tensor output = dropout(input, 0.25, generator(1));
  const double zeros = (output == 0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(zeros, 0.25, 0.01);
  EXPECT_NEAR(output.mean().item<double>(), 1.0, 0.015);
  EXPECT_NEAR(output.max().item<double>(), 4.0 / 3.0, 1e-6);
  // Every byte of a draw decides alike: no column of a narrow matrix is dropped more often.
  const at::Tensor columns =
      (dropout(at::ones({20000, 8}), 0.5, generator(2)) == 0).to(at::kDouble);
  EXPECT_LT((columns.mean(0) - 0.5).abs().max().item<double>(), 0.02);
}

TEST(Dropout, DependsOnTheGeneratorAlone) {
  const at::Tensor input = at::ones({64, 64});
  EXPECT_TRUE(at::equal(dropout(input, 0.1, generator(5)), dropout(input, 0.1, generator(5))));
  EXPECT_FALSE(at::equal(dropout(input, 0.1, generator(5)), dropout(input, 0.1, generator(6))));
}

TEST(Dropout, PassesTheGradientOfKeptValues) {
  const at::Tensor input = at::ones({40, 40}).set_requires_grad(true);
  const at::Tensor output = dropout(input, 0.5, generator(3));
  output.sum().backward();
  EXPECT_TRUE(at::equal(input.grad(), output.detach()));
}

TEST(Dropout, RefusesWhatLeavesNothing) {
  for (const double probability : {-0.1, 0.999, 1.0}) {
    test::expect_error(ErrorCode::kInvalidArgument, "dropout: expected 0 to 0.99", [&] {
      static_cast<void>(dropout(at::ones({2, 2}), probability, std::nullopt));
    });
  }
}

}  // namespace
}  // namespace deformer::nn
