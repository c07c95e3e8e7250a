#include "train/data_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace deformer {
namespace {

// 7 windows of 10 tokens with 1 to 7 questions of 2 tokens each: 28 pairs of 12 tokens.
TrainingSet make_set() {
  TrainingSet set;
  for (std::uint32_t window = 0; window < 7; ++window) {
    set.windows.emplace_back(10, 1);
    for (std::uint32_t i = 0; i <= window; ++i) {
      set.questions.emplace_back(2, 1);
      set.pairs.push_back({.question = static_cast<std::uint32_t>(set.questions.size() - 1),
                           .window = window,
                           .first = 0,
                           .last = 0});
    }
  }
  return set;
}

std::vector<std::uint32_t> all_pairs(const StepPlan& plan) {
  std::vector<std::uint32_t> pairs;
  for (const auto& pass : plan.passes) pairs.insert(pairs.end(), pass.begin(), pass.end());
  return pairs;
}

TEST(DataOrder, VisitsEachPairOnceAnEpochInAnOrderOfItsOwn) {
  const TrainingSet set = make_set();
  DataOrder order(set, {.batch_questions = 5});
  ASSERT_EQ(order.steps_per_epoch(), 6U);
  std::vector<std::vector<std::uint32_t>> epochs(2);
  for (std::uint64_t step = 0; step < 12; ++step) {
    const StepPlan plan = order.plan(step);
    const auto pairs = all_pairs(plan);
    EXPECT_EQ(plan.examples, pairs.size());
    auto& epoch = epochs[step / 6];
    epoch.insert(epoch.end(), pairs.begin(), pairs.end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (const auto& epoch : epochs) {
    EXPECT_EQ(std::set<std::uint32_t>(epoch.begin(), epoch.end()).size(), 28U);
    EXPECT_EQ(epoch.size(), 28U);
  }
}

TEST(DataOrder, KeepsThePairsOfAnExampleTogether) {
  TrainingSet set = make_set();
  set.pairs_per_example = 2;
  set.pairs.clear();
  for (std::uint32_t question = 0; question < 28; ++question) {
    set.pairs.push_back({.question = question, .window = question / 4});
  }
  DataOrder order(set, {.batch_questions = 3, .pass_tokens = 40});
  ASSERT_EQ(order.steps_per_epoch(), 5U);
  std::set<std::uint32_t> seen;
  for (std::uint64_t step = 0; step < 5; ++step) {
    const StepPlan plan = order.plan(step);
    EXPECT_EQ(plan.examples, step < 4 ? 3U : 2U);
    for (const auto& pass : plan.passes) {
      ASSERT_EQ(pass.size() % 2, 0U);
      for (std::size_t i = 0; i < pass.size(); i += 2) {
        EXPECT_EQ(pass[i] % 2, 0U);
        EXPECT_EQ(pass[i + 1], pass[i] + 1);
        seen.insert({pass[i], pass[i + 1]});
      }
    }
  }
  EXPECT_EQ(seen.size(), 28U);
}

TEST(DataOrder, GivesAStepTheSamePlanWheneverItIsAsked) {
  const TrainingSet set = make_set();
  DataOrder first(set, {.batch_questions = 5, .seed = 3});
  DataOrder second(set, {.batch_questions = 5, .seed = 3});
  for (std::uint64_t step = 0; step < 8; ++step) static_cast<void>(first.plan(step));
  EXPECT_EQ(first.plan(2).passes, second.plan(2).passes);
  DataOrder other(set, {.batch_questions = 5, .seed = 4});
  EXPECT_NE(other.plan(2).passes, second.plan(2).passes);
}

TEST(DataOrder, BringsQuestionsOfAWindowTogetherUpToTheLimit) {
  const TrainingSet set = make_set();
  DataOrder order(set, {.batch_questions = 28, .questions_per_window = 3});
  const auto pairs = all_pairs(order.plan(0));
  std::size_t longest = 0;
  std::size_t runs = 0;
  for (std::size_t i = 0, run = 0; i < pairs.size(); ++i) {
    const bool same = i > 0 && set.pairs[pairs[i]].window == set.pairs[pairs[i - 1]].window;
    run = same ? run + 1 : 1;
    runs += same ? 0 : 1;
    longest = std::max(longest, run);
  }
  // Groups of at most three; two of one window may happen to follow each other.
  EXPECT_GE(longest, 3U);
  EXPECT_LE(runs, 13U);  // 1+1+1+2+2+2+3 groups and no more
}

TEST(DataOrder, CutsAStepIntoPassesOfEqualWork) {
  const TrainingSet set = make_set();
  DataOrder order(set, {.batch_questions = 12, .pass_tokens = 48});
  const StepPlan plan = order.plan(0);
  EXPECT_EQ(plan.joint_tokens, 144U);
  ASSERT_EQ(plan.passes.size(), 3U);
  for (const auto& pass : plan.passes) EXPECT_EQ(pass.size(), 4U);
}

TEST(DataOrder, HasNoEmptyPass) {
  const TrainingSet set = make_set();
  DataOrder order(set, {.batch_questions = 2, .processes = 4});
  const StepPlan plan = order.plan(0);
  EXPECT_EQ(plan.passes.size(), 2U);
}

TEST(DataOrder, GivesEachProcessAsManyPasses) {
  const TrainingSet set = make_set();
  const std::size_t all = set.num_examples();
  DataOrder alone(set, {.batch_questions = all, .pass_tokens = 1});
  ASSERT_EQ(alone.plan(0).passes.size(), all) << "an example each";
  std::size_t tokens = alone.plan(0).joint_tokens;
  DataOrder three(set, {.batch_questions = all, .pass_tokens = (tokens + 2) / 3});
  ASSERT_EQ(three.plan(0).passes.size(), 3U);
  DataOrder shared(set, {.batch_questions = all, .pass_tokens = (tokens + 2) / 3, .processes = 2});
  EXPECT_EQ(shared.plan(0).passes.size(), 4U);
}

}  // namespace
}  // namespace deformer
