#include "train/losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace deformer {
namespace {

at::Tensor doubles(std::vector<double> values, at::IntArrayRef shape) {
  return at::tensor(values, at::kDouble).view(shape);
}

// Compares the gradient with central differences.
void expect_gradient(const at::Tensor& input, const std::function<at::Tensor(at::Tensor)>& loss) {
  const at::Tensor variable = input.clone().set_requires_grad(true);
  loss(variable).backward();
  constexpr double kStep = 1e-5;
  for (std::int64_t i = 0; i < input.numel(); ++i) {
    at::Tensor moved = input.clone();
    auto* value = moved.data_ptr<double>() + i;
    *value += kStep;
    const double above = loss(moved).item<double>();
    *value -= 2 * kStep;
    const double below = loss(moved).item<double>();
    EXPECT_NEAR(variable.grad().flatten()[i].item<double>(), (above - below) / (2 * kStep), 1e-7);
  }
}

const at::Tensor kStudent =
    doubles({0.3, -1.2, 0.8, 0.1, 2.0, -0.5, 0.4, 0.9, -0.7, 1.1, 0.2, -0.3}, {2, 2, 3});
const at::Tensor kTeacher =
    doubles({1.0, 0.2, -0.4, 0.6, 0.5, 0.1, -1.0, 0.3, 0.9, 0.0, 0.8, 0.7}, {2, 2, 3});

TEST(SpanLoss, IsTheMeanOfBothEnds) {
  const at::Tensor uniform = at::zeros({2, 3, 4}, at::kDouble);
  const LossTerm term = task_loss(uniform, at::zeros({2, 3}, at::kLong));
  EXPECT_EQ(term.count, 3);
  EXPECT_NEAR(term.sum.item<double>() / term.count, std::log(4.0), 1e-12);
}

TEST(SpanLoss, GradientAgreesWithFiniteDifferences) {
  const at::Tensor targets = at::tensor(std::vector<std::int64_t>{0, 2, 1, 1}).view({2, 2});
  expect_gradient(kStudent, [&](const at::Tensor& x) { return task_loss(x, targets).sum; });
}

TEST(DistillationLoss, IsZeroForTheTeacherItself) {
  EXPECT_NEAR(distillation_loss(kTeacher, kTeacher, 2.0).sum.item<double>(), 0.0, 1e-12);
  EXPECT_GT(distillation_loss(kStudent, kTeacher, 2.0).sum.item<double>(), 0.01);
}

TEST(DistillationLoss, GradientAgreesWithFiniteDifferences) {
  expect_gradient(kStudent,
                  [&](const at::Tensor& x) { return distillation_loss(x, kTeacher, 2.0).sum; });
}

TEST(RepresentationLoss, DividesByTheTeachersMeanSquareWhenAsked) {
  const at::Tensor teacher = at::full({2, 3}, 4.0);
  const at::Tensor student = at::full({2, 3}, 2.0);
  const LossTerm raw = representation_loss({student}, {teacher}, LrsScale::kRaw);
  EXPECT_NEAR(raw.sum.item<double>() / raw.count, 4.0, 1e-6);
  const LossTerm scaled = representation_loss({student}, {teacher}, LrsScale::kTeacher);
  EXPECT_NEAR(scaled.sum.item<double>() / scaled.count, 0.25, 1e-6);
}

TEST(RepresentationLoss, GradientAgreesWithFiniteDifferences) {
  for (const LrsScale scale : {LrsScale::kRaw, LrsScale::kTeacher}) {
    expect_gradient(kStudent.flatten(0, 1), [&](const at::Tensor& x) {
      return representation_loss({x, x * 2}, {kTeacher.flatten(0, 1), kTeacher.flatten(0, 1)},
                                 scale)
          .sum;
    });
  }
}

TEST(Candidates, TakeTheFirstRowsAndTheClsRow) {
  // Two pairs: rows 0..3 (2 tokens, closing token, CLS) and 4..6 (1 token, closing token, CLS).
  const std::vector<std::int64_t> offsets{0, 4, 7};
  const Candidates with_cls = make_candidates(offsets, {2, 1}, true, at::kCPU);
  const at::Tensor logits = at::arange(14, at::kFloat).view({7, 2});
  const at::Tensor picked = candidate_logits(logits, with_cls);
  ASSERT_EQ(picked.sizes(), (std::vector<std::int64_t>{2, 2, 3}));
  EXPECT_EQ(picked[0][0][2].item<float>(), 6.0f);   // start logit of row 3
  EXPECT_EQ(picked[1][1][0].item<float>(), 9.0f);   // end logit of row 4
  EXPECT_EQ(picked[1][1][1].item<float>(), 13.0f);  // end logit of row 6
  EXPECT_LT(picked[0][1][2].item<float>(), -1000.0f);
  EXPECT_EQ(candidate_logits(logits, make_candidates(offsets, {2, 1}, false, at::kCPU)).size(2), 2);
}

TEST(Candidates, ExcludedOnesTakeNoPartInAnyLoss) {
  const at::Tensor logits = at::randn({7, 2});
  const auto pick = [&](const at::Tensor& from) {
    return candidate_logits(from, make_candidates({0, 4, 7}, {2, 1}, false, at::kCPU));
  };
  at::Tensor other = logits.clone();
  for (const std::int64_t row : {2, 3, 5, 6}) other[row].fill_(50.0);
  EXPECT_TRUE(at::equal(pick(logits), pick(other)));
  const LossTerm kd = distillation_loss(pick(logits), pick(logits * 0.5), 2.0);
  EXPECT_TRUE(std::isfinite(kd.sum.item<double>()));
}

}  // namespace
}  // namespace deformer
