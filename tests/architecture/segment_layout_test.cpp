
#include <gtest/gtest.h>

#include <optional>

#include "architecture/segment_layout.h"

namespace deformer {
namespace {

using Ids = std::vector<std::int32_t>;

const Ids kQuestion{11, 12};
const Ids kWindow{21, 22, 23};

std::unique_ptr<const SegmentLayout> bert_layout(Layout layout,
                                                 std::optional<PassagePlace> place = {}) {
  ModelConfig config;
  config.split.layout = layout;
  config.split.passage_place = place;
  return make_segment_layout(config, {.cls = 101, .sep = 102, .pad = 0, .unk = 100});
}

TEST(BertLayout, WrapsTheQuestionInClsAndSep) {
  const Segment segment = bert_layout(Layout::kRestart)->question(kQuestion);
  EXPECT_EQ(segment.role, SegmentRole::kQuestion);
  EXPECT_EQ(segment.ids, (Ids{101, 11, 12, 102}));
  EXPECT_EQ(segment.positions, (Ids{0, 1, 2, 3}));
  EXPECT_EQ(segment.type_id, 0);
}

TEST(BertLayout, RestartCountsThePassageFromZero) {
  const auto layout = bert_layout(Layout::kRestart);
  const Segment segment = layout->passage(kWindow, 4);
  EXPECT_EQ(segment.role, SegmentRole::kPassage);
  EXPECT_EQ(segment.ids, (Ids{21, 22, 23, 102}));
  EXPECT_EQ(segment.positions, (Ids{0, 1, 2, 3}));
  EXPECT_EQ(segment.type_id, 1);
  EXPECT_FALSE(layout->passage_depends_on_question());
  EXPECT_EQ(layout->passage_special_tokens(), 1);
}

TEST(BertLayout, ContinueCountsThePassageFromTheQuestionsEnd) {
  const auto layout = bert_layout(Layout::kContinue);
  EXPECT_EQ(layout->passage(kWindow, 4).positions, (Ids{4, 5, 6, 7}));
  EXPECT_TRUE(layout->passage_depends_on_question());
}

// MNLI: the premise is the passage and stands first.
TEST(BertLayout, APassageThatIsFirstHasTheClassToken) {
  const auto layout = bert_layout(Layout::kRestart, PassagePlace::kFirst);
  const Segment passage = layout->passage(kWindow, 0);
  EXPECT_EQ(passage.role, SegmentRole::kPassage);
  EXPECT_EQ(passage.ids, (Ids{101, 21, 22, 23, 102}));
  EXPECT_EQ(passage.positions, (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(passage.type_id, 0);
  const Segment question = layout->question(kQuestion);
  EXPECT_EQ(question.role, SegmentRole::kQuestion);
  EXPECT_EQ(question.ids, (Ids{11, 12, 102}));
  EXPECT_EQ(question.positions, (Ids{0, 1, 2}));
  EXPECT_EQ(question.type_id, 1);
  EXPECT_EQ(layout->passage_special_tokens(), 2);
  EXPECT_FALSE(layout->question_depends_on_passage());
}

TEST(BertLayout, ContinueCountsTheQuestionFromTheEndOfAPassageThatIsFirst) {
  const auto layout = bert_layout(Layout::kContinue, PassagePlace::kFirst);
  EXPECT_EQ(layout->passage(kWindow, 9).positions, (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(layout->question(kQuestion, 5).positions, (Ids{5, 6, 7}));
  EXPECT_TRUE(layout->question_depends_on_passage());
  EXPECT_FALSE(layout->passage_depends_on_question());
}

std::unique_ptr<const SegmentLayout> xlnet_layout(Layout layout,
                                                  std::optional<PassagePlace> place = {}) {
  ModelConfig config;
  config.architecture = "xlnet";
  config.split.layout = layout;
  config.split.passage_place = place;
  return make_segment_layout(config, {.cls = 3, .sep = 4, .pad = 5, .unk = 0});
}

TEST(XlnetLayout, PutsSeparatorAndClsAfterTheQuestion) {
  for (const Layout name : {Layout::kPacked, Layout::kSlots, Layout::kContinue}) {
    const Segment segment = xlnet_layout(name)->question(kQuestion);
    EXPECT_EQ(segment.role, SegmentRole::kQuestion);
    EXPECT_EQ(segment.ids, (Ids{11, 12, 4, 3}));
    EXPECT_EQ(segment.positions, (Ids{0, 1, 2, 3}));
    EXPECT_EQ(segment.type_id, 1);
  }
}

TEST(XlnetLayout, APassageNeverDependsOnItsQuestion) {
  for (const Layout name : {Layout::kPacked, Layout::kSlots, Layout::kContinue}) {
    const auto layout = xlnet_layout(name);
    const Segment segment = layout->passage(kWindow, 4);
    EXPECT_EQ(segment.role, SegmentRole::kPassage);
    EXPECT_EQ(segment.ids, (Ids{21, 22, 23, 4}));
    EXPECT_EQ(segment.positions, (Ids{0, 1, 2, 3}));
    EXPECT_EQ(segment.type_id, 0);
    EXPECT_FALSE(layout->passage_depends_on_question());
    EXPECT_EQ(layout->passage_special_tokens(), 1);
  }
}

TEST(XlnetLayout, APassageThatIsSecondHasTheClassToken) {
  const auto layout = xlnet_layout(Layout::kPacked, PassagePlace::kSecond);
  EXPECT_EQ(layout->passage(kWindow, 0).ids, (Ids{21, 22, 23, 4, 3}));
  EXPECT_EQ(layout->passage(kWindow, 0).type_id, 1);
  EXPECT_EQ(layout->question(kQuestion).ids, (Ids{11, 12, 4}));
  EXPECT_EQ(layout->question(kQuestion).role, SegmentRole::kQuestion);
  EXPECT_EQ(layout->passage_special_tokens(), 2);
}

std::unique_ptr<const SegmentLayout> mpnet_layout(Layout layout,
                                                  std::optional<PassagePlace> place = {}) {
  ModelConfig config;
  config.architecture = "mpnet";
  config.split.layout = layout;
  config.split.passage_place = place;
  return make_segment_layout(config, {.cls = 0, .sep = 2, .pad = 1, .unk = 3});
}

TEST(MpnetLayout, CountsBothSegmentsFromPositionTwo) {
  const auto layout = mpnet_layout(Layout::kRestart);
  EXPECT_EQ(layout->question(kQuestion).ids, (Ids{0, 11, 12, 2}));
  EXPECT_EQ(layout->question(kQuestion).positions, (Ids{2, 3, 4, 5}));
  EXPECT_EQ(layout->passage(kWindow, 0).ids, (Ids{21, 22, 23, 2}));
  EXPECT_EQ(layout->passage(kWindow, 0).positions, (Ids{2, 3, 4, 5}));
}

// Hugging Face's MPNetTokenizer: <s> question </s></s> passage </s>.
TEST(MpnetLayout, AnOrdinaryCheckpointHasTwoSeparatorsInBetween) {
  const auto layout = mpnet_layout(Layout::kContinue);
  const Segment question = layout->question(kQuestion);
  EXPECT_EQ(question.ids, (Ids{0, 11, 12, 2, 2}));
  EXPECT_EQ(question.positions, (Ids{2, 3, 4, 5, 6}));
  const Segment passage = layout->passage(kWindow, 5);
  EXPECT_EQ(passage.ids, (Ids{21, 22, 23, 2}));
  EXPECT_EQ(passage.positions, (Ids{7, 8, 9, 10}));
  EXPECT_EQ(mpnet_layout(Layout::kContinue, PassagePlace::kFirst)->passage_special_tokens(), 3);
}

}  // namespace
}  // namespace deformer
