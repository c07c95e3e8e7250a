#include "train/gradient_sum.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace deformer {
namespace {

constexpr std::int64_t kMany = std::int64_t{4} << 20;  // two of them fill more than a bucket

// Another rank that has computed the same.
class Mirror final : public ProcessGroup {
 public:
  [[nodiscard]] std::uint64_t rank() const noexcept override { return 0; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return 2; }
  void begin_sum(std::span<float> values) override { begun.push_back(values); }
  void finish_sums() override {
    for (const std::span<float> values : begun) {
      for (float& value : values) value *= 2;
    }
    counts.clear();
    for (const std::span<float> values : begun) counts.push_back(values.size());
    begun.clear();
  }
  void leave() override {}

  std::vector<std::span<float>> begun;
  std::vector<std::size_t> counts;  // of the sums of the last step, in order
};

Parameter parameter(std::int64_t count) {
  return {at::ones({count}, at::kFloat).requires_grad_(true), {"name"}};
}

class GradientSumTest : public testing::Test {
 protected:
  // The last parameter is used first, so its gradient comes last; the first is not used.
  void backward() const {
    const at::Tensor sum = parameters_[3].value.sum() * parameters_[2].value.sum();
    (sum + parameters_[1].value.sum() * 5).backward();
  }
  [[nodiscard]] double gradient(std::size_t i) const {
    const at::Tensor& gradient = parameters_[i].value.grad();
    EXPECT_EQ(gradient.min().item<float>(), gradient.max().item<float>());
    return gradient[0].item<double>();
  }

  std::vector<Parameter> parameters_{parameter(1), parameter(kMany), parameter(kMany),
                                     parameter(2)};
  Mirror group_;
};

TEST_F(GradientSumTest, AddsUpInTheSameOrderWhateverComesFirst) {
  GradientSum sum(parameters_, group_);
  for (const double factor : {1.0, 2.0}) {
    sum.begin_last_pass();
    backward();
    EXPECT_FALSE(group_.begun.empty()) << "the backward pass has begun it";
    std::vector<double> more{1.5, 0};
    sum.finish(more);
    EXPECT_EQ(more, (std::vector<double>{3, 0}));
    EXPECT_EQ(group_.counts, (std::vector<std::size_t>{kMany + 2, kMany + 1, 2}));
    EXPECT_EQ(gradient(0), 0) << "given one";
    EXPECT_EQ(gradient(1), 10);
    EXPECT_EQ(gradient(2), 4);
    EXPECT_EQ(gradient(3), 2.0 * kMany) << factor;
    for (const Parameter& parameter : parameters_) parameter.value.mutable_grad().zero_();
  }
}

TEST_F(GradientSumTest, WaitsForTheLastPass) {
  GradientSum sum(parameters_, group_);
  backward();
  EXPECT_TRUE(group_.begun.empty());
  sum.begin_last_pass();
  backward();
  std::vector<double> more;
  sum.finish(more);
  EXPECT_EQ(gradient(1), 20) << "of both passes";
}

TEST_F(GradientSumTest, AStepWithoutAPassCountsAsZero) {
  GradientSum sum(parameters_, group_);
  std::vector<double> more;
  sum.finish(more);
  EXPECT_EQ(group_.counts.size(), 3U);
  for (std::size_t i = 0; i < parameters_.size(); ++i) EXPECT_EQ(gradient(i), 0);
}

TEST_F(GradientSumTest, LeavesTheParametersAlone) {
  std::optional<GradientSum> sum(std::in_place, parameters_, group_);
  sum->begin_last_pass();
  sum.reset();
  backward();
  EXPECT_TRUE(group_.begun.empty());
}

}  // namespace
}  // namespace deformer
