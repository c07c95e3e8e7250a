// Expected values: scripts/golden/make_golden_classes.py.
#include "deformer/class_metrics.h"

#include <gtest/gtest.h>

#include <vector>

#include "data/golden.h"
#include "support/expect_error.h"

namespace deformer {
namespace {

TEST(ClassMetrics, EqualThoseOfTheGoldenFile) {
  const auto golden = test::load_golden("classes.json");
  for (const auto& entry : golden.at("cases")) {
    SCOPED_TRACE(entry.at("name").get<std::string>());
    std::optional<int> positive;
    if (!entry.at("positive").is_null()) positive = entry.at("positive").get<int>();
    const auto predicted = entry.at("predicted").get<std::vector<int>>();
    const auto gold = entry.at("gold").get<std::vector<int>>();
    const ClassScore score = score_classes(predicted, gold, positive);
    EXPECT_EQ(score.total, gold.size());
    EXPECT_EQ(score.correct, entry.at("correct").get<std::size_t>());
    EXPECT_DOUBLE_EQ(score.accuracy, entry.at("accuracy").get<double>());
    ASSERT_EQ(score.f1.has_value(), entry.contains("f1"));
    if (score.f1) {
      EXPECT_DOUBLE_EQ(*score.f1, entry.at("f1").get<double>());
    }
  }
}

TEST(ClassMetrics, RefuseNoneAndLengthsThatDiffer) {
  const std::vector<int> one{1};
  const std::vector<int> two{1, 0};
  test::expect_error(ErrorCode::kInvalidArgument, "found 1 and 2",
                     [&] { (void)score_classes(one, two); });
  test::expect_error(ErrorCode::kInvalidArgument, "found 0 and 0",
                     [] { (void)score_classes({}, {}); });
}

}  // namespace
}  // namespace deformer
