#include "model/joint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer {
namespace {

constexpr JointOrder kQuestionFirst{.passage_first = false, .cls_last = false};
constexpr JointOrder kPassageFirst{.passage_first = true, .cls_last = true};

Encoding with_offsets(std::vector<std::int64_t> offsets) {
  const std::int64_t rows = offsets.back();
  return {at::zeros({rows, 1}), std::move(offsets)};
}

using Rows = std::vector<std::int64_t>;

class Joint : public testing::Test {
 protected:
  // Joined with the questions first, the questions of 2 and 1 rows are rows 0..2 and the passages
  // of 3 and 2 rows are rows 3..7; with the passages first these are rows 0..4 and those 5..7.
  const Encoding questions = with_offsets({0, 2, 3});
  const Encoding passages = with_offsets({0, 3, 5});
  const std::vector<SegmentPair> pairs{{.question = 1, .passage = 0},
                                       {.question = 0, .passage = 1}};
};

TEST_F(Joint, PutsTheQuestionFirstForBert) {
  const JointPlan plan = plan_joint(questions, passages, pairs, kQuestionFirst);
  EXPECT_EQ(plan.rows, (Rows{2, 3, 4, 5, 0, 1, 6, 7}));
  EXPECT_EQ(plan.offsets, (Rows{0, 4, 8}));
}

TEST_F(Joint, PutsThePassageFirstWhenAsked) {
  const JointPlan plan = plan_joint(questions, passages, pairs, kPassageFirst);
  EXPECT_EQ(plan.rows, (Rows{0, 1, 2, 7, 3, 4, 5, 6}));
}

TEST_F(Joint, JoinsInTheOrderOfASequence) {
  const Encoding question{at::full({2, 1}, 1.0F), {0, 2}};
  const Encoding passage{at::full({3, 1}, 2.0F), {0, 3}};
  const std::vector<SegmentPair> pair{{.question = 0, .passage = 0}};
  for (const JointOrder& order : {kQuestionFirst, kPassageFirst}) {
    const at::Tensor joined = join_segments(question, passage, order);
    EXPECT_EQ(joined[0].item<float>(), order.passage_first ? 2 : 1);
    EXPECT_EQ(joined[4].item<float>(), order.passage_first ? 1 : 2);
    EXPECT_EQ(plan_joint(question, passage, pair, order).rows, (Rows{0, 1, 2, 3, 4}));
  }
}

TEST_F(Joint, JoinsRowsPairByPairAsThePlanSays) {
  const at::Tensor question_rows = at::arange(6, at::kFloat).view({3, 2});
  const at::Tensor passage_rows = at::arange(6, 16, at::kFloat).view({5, 2});
  for (const JointOrder& order : {kQuestionFirst, kPassageFirst}) {
    const at::Tensor segments = order.passage_first ? at::cat({passage_rows, question_rows})
                                                    : at::cat({question_rows, passage_rows});
    const JointPlan plan = plan_joint(questions, passages, pairs, order);
    const PairJoin join(questions, passages, pairs, order);
    EXPECT_TRUE(join.join(question_rows, passage_rows)
                    .equal(segments.index_select(0, index_tensor(plan.rows, at::kCPU))));
  }
  const PairJoin none(questions, passages, {}, kQuestionFirst);
  EXPECT_EQ(none.join(question_rows, passage_rows).size(0), 0);
}

TEST(Concatenate, KeepsProjectionsWhereEachEncodingHasThem) {
  std::vector<Encoding> encodings{{at::full({3, 1}, 1.0F), {0, 1, 3}, at::full({3, 3}, 4.0F)},
                                  {at::full({2, 1}, 2.0F), {0, 2}, at::full({2, 3}, 5.0F)}};
  const Encoding whole = concatenate(encodings);
  EXPECT_EQ(whole.offsets, (Rows{0, 1, 3, 5}));
  EXPECT_TRUE(whole.hidden.equal(at::tensor({1, 1, 1, 2, 2}, at::kFloat).view({5, 1})));
  EXPECT_TRUE(whole.projections.select(1, 2).equal(at::tensor({4, 4, 4, 5, 5}, at::kFloat)));
  encodings[1].projections = at::Tensor();
  EXPECT_FALSE(concatenate(encodings).projections.defined());
  EXPECT_EQ(concatenate(encodings).offsets, whole.offsets);
}

TEST(RowIndexTest, TakesARunWithoutCopying) {
  const at::Tensor values = at::arange(10, at::kFloat).view({5, 2});
  const auto take = [&](const Rows& rows) { return RowIndex(rows, at::kCPU).take(values); };
  const at::Tensor run = take({1, 2, 3});
  EXPECT_TRUE(run.equal(values.narrow(0, 1, 3)));
  EXPECT_TRUE(run.is_alias_of(values));
  const at::Tensor others = take({3, 4, 4, 0});
  EXPECT_TRUE(others.equal(at::tensor({6, 7, 8, 9, 8, 9, 0, 1}, at::kFloat).view({4, 2})));
  EXPECT_FALSE(others.is_alias_of(values));
  EXPECT_EQ(take({}).size(0), 0);
}

TEST_F(Joint, SelectsPassageRowsAndTheClsRow) {
  const auto select = [&](const JointOrder& order, JointRows rows) {
    return select_rows(questions, passages, pairs, order, rows);
  };
  const RowSelection passage = select(kQuestionFirst, JointRows::kPassage);
  EXPECT_EQ(passage.rows, (Rows{1, 2, 3, 6, 7}));
  EXPECT_EQ(passage.offsets, (Rows{0, 3, 5}));
  const RowSelection both = select(kQuestionFirst, JointRows::kPassageAndCls);
  EXPECT_EQ(both.rows, (Rows{1, 2, 3, 0, 6, 7, 4}));
  EXPECT_EQ(both.offsets, (Rows{0, 4, 7}));
  EXPECT_EQ(select(kQuestionFirst, JointRows::kAll).rows, (Rows{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(select(kQuestionFirst, JointRows::kCls).rows, (Rows{0, 4}));
  EXPECT_EQ(select(kPassageFirst, JointRows::kCls).rows, (Rows{3, 7}));
  EXPECT_EQ(select(kPassageFirst, JointRows::kPassage).rows, (Rows{0, 1, 2, 4, 5}));
}

// The class token may stand in the passage: MNLI with BERT, and XLNet with the passage second.
TEST_F(Joint, SelectsTheClsRowOfEitherSegment) {
  const JointOrder bert{.passage_first = true, .cls_last = false};
  EXPECT_EQ(select_rows(questions, passages, pairs, bert, JointRows::kCls).rows, (Rows{0, 4}));
  EXPECT_EQ(select_rows(questions, passages, pairs, bert, JointRows::kPassage).rows,
            (Rows{0, 1, 2, 4, 5}));
  const JointOrder xlnet{.passage_first = false, .cls_last = true};
  EXPECT_EQ(select_rows(questions, passages, pairs, xlnet, JointRows::kCls).rows, (Rows{3, 7}));
}

TEST_F(Joint, NamesAnIndexOutOfRange) {
  const std::vector<SegmentPair> bad{{.question = 2, .passage = 0}};
  test::expect_error(
      ErrorCode::kInvalidArgument, "expected a question index below 2, found 2",
      [&] { static_cast<void>(plan_joint(questions, passages, bad, kQuestionFirst)); });
  const std::vector<SegmentPair> negative{{.question = 0, .passage = -1}};
  test::expect_error(
      ErrorCode::kInvalidArgument, "expected a passage index below 2, found -1",
      [&] { static_cast<void>(plan_joint(questions, passages, negative, kQuestionFirst)); });
  test::expect_error(
      ErrorCode::kInvalidArgument, "expected a passage index below 2, found -1", [&] {
        static_cast<void>(
            select_rows(questions, passages, negative, kQuestionFirst, JointRows::kPassage));
      });
}

TEST_F(Joint, RefusesSegmentsThatAreNotTheRowsThere) {
  const std::vector<SegmentPair> pair{{.question = 0, .passage = 0}};
  const auto refuses = [&](const Encoding& bad, const std::string& message) {
    test::expect_error(ErrorCode::kInvalidArgument, message,
                       [&] { static_cast<void>(plan_joint(bad, passages, pair, kQuestionFirst)); });
  };
  const Encoding first_only{questions.hidden, {0, questions.offsets[1]}, {}};
  refuses(first_only, "questions: expected 2 rows, as the offsets say, found 3");
  refuses({}, "questions: expected offsets that begin with 0 and rise");
  test::expect_error(ErrorCode::kInvalidArgument, "passages: expected offsets", [&] {
    static_cast<void>(select_rows(questions, {}, pair, kQuestionFirst, JointRows::kAll));
  });
}

}  // namespace
}  // namespace deformer
