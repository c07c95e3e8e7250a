// Expected values: NumPy 2 (numpy.quantile with its default method, numpy.mean, numpy.median).
#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "../../bench/measuring.h"

namespace deformer {
namespace {

const std::vector<double> kFull{0.412, 0.398, 0.405, 0.731, 0.399, 0.401, 0.4, 0.523, 0.397, 0.41};
const std::vector<double> kWarm{0.103, 0.1, 0.12, 0.119, 0.2, 0.101, 0.099, 0.13, 0.104, 0.1};

TEST(Statistics, QuantilesAreNumPys) {
  EXPECT_DOUBLE_EQ(quantile(kFull, 0), 0.397);
  EXPECT_DOUBLE_EQ(quantile(kFull, 0.25), 0.39925);
  EXPECT_DOUBLE_EQ(quantile(kFull, 0.5), 0.403);
  EXPECT_DOUBLE_EQ(quantile(kFull, 0.9), 0.5438);
  EXPECT_DOUBLE_EQ(quantile(kFull, 0.99), 0.71228);
  EXPECT_DOUBLE_EQ(quantile(kFull, 1), 0.731);
}

TEST(Statistics, ASingleSampleIsEveryQuantile) {
  const std::vector<double> one{0.25};
  EXPECT_EQ(quantile(one, 0), 0.25);
  EXPECT_EQ(quantile(one, 0.99), 0.25);
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(mean({}), 0);
}

// Of the programs in bench/, which do not link the library's insides.
TEST(Percentile, IsNumPysToo) {
  EXPECT_DOUBLE_EQ(bench::median(kFull), 0.403);
  EXPECT_DOUBLE_EQ(bench::median({4, 1, 3}), 3);
  std::vector<double> sorted = kFull;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_DOUBLE_EQ(bench::percentile(sorted, 0.9), 0.5438);
  EXPECT_DOUBLE_EQ(bench::percentile(sorted, 0.99), 0.71228);
  EXPECT_DOUBLE_EQ(bench::percentile(sorted, 1), 0.731);
  EXPECT_EQ(bench::percentile({}, 0.5), 0);
}

TEST(RequireMoreThan, LeavesQuestionsToMeasure) {
  EXPECT_NO_THROW(bench::require_more_than(10, 11));
  EXPECT_THROW(bench::require_more_than(10, 10), std::invalid_argument);
}

TEST(Statistics, SpreadsAreMedianAndEnds) {
  const Spread spread = spread_of(kFull);
  EXPECT_DOUBLE_EQ(spread.median, 0.403);
  EXPECT_EQ(spread.low, 0.397);
  EXPECT_EQ(spread.high, 0.731);
  EXPECT_EQ(spread_of({}).high, 0);
}

TEST(Statistics, LatencyNamesItsQuantiles) {
  const Latency latency = latency_of(kFull);
  EXPECT_DOUBLE_EQ(latency.mean, 0.4476);
  EXPECT_DOUBLE_EQ(latency.p50, 0.403);
  EXPECT_DOUBLE_EQ(latency.p90, 0.5438);
  EXPECT_DOUBLE_EQ(latency.p99, 0.71228);
}

// The median of the ratios, which a round that was disturbed as a whole does not move; not the
// ratio of the medians, 3.89.
TEST(Statistics, RatiosAreTakenByRound) {
  const Spread ratio = ratio_spread(kFull, kWarm);
  EXPECT_DOUBLE_EQ(ratio.median, 3.99);
  EXPECT_DOUBLE_EQ(ratio.low, 1.995);
  EXPECT_DOUBLE_EQ(ratio.high, 6.142857142857143);
}

TEST(Statistics, ReuseSpreadsTheEncodingOverTheQuestions) {
  const ReuseCurve curve = reuse_curve(0.5, 0.1, 0.6);
  ASSERT_EQ(curve.points.size(), 6u);
  EXPECT_EQ(curve.points[0].questions_per_passage, 1);
  EXPECT_DOUBLE_EQ(curve.points[0].seconds, 0.7);
  EXPECT_EQ(curve.points[2].questions_per_passage, 4);
  EXPECT_DOUBLE_EQ(curve.points[2].seconds, 0.25);
  EXPECT_EQ(curve.points[5].questions_per_passage, 32);
  EXPECT_DOUBLE_EQ(curve.points[5].seconds, 0.11875);
  // 0.6 / 1.5 + 0.1 = 0.5
  ASSERT_TRUE(curve.break_even);
  EXPECT_DOUBLE_EQ(*curve.break_even, 1.5);
}

TEST(Statistics, ReuseNeverPaysWhereWarmIsNoFaster) {
  EXPECT_FALSE(reuse_curve(0.1, 0.1, 0.6).break_even);
  EXPECT_FALSE(reuse_curve(0.1, 0.2, 0.6).break_even);
}

}  // namespace
}  // namespace deformer
