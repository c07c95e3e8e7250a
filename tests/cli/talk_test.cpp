#include "tools/talk.h"

#include <gtest/gtest.h>

namespace deformer::tools {
namespace {

TEST(Talk, WritesDurationsAsPeopleReadThem) {
  EXPECT_EQ(duration(0.4), "0 s");
  EXPECT_EQ(duration(59.4), "59 s");
  EXPECT_EQ(duration(59.6), "1:00");
  EXPECT_EQ(duration(3599), "59:59");
  EXPECT_EQ(duration(7323), "2:02:03");
  EXPECT_EQ(duration(-1), "0 s");
}

TEST(ProgressLine, ShowsBarRateAndTimeLeft) {
  EXPECT_EQ(progress_line({"answer", "questions", 500, 1000, 10}, 100),
            "answer [############------------] 500 of 1,000 questions, 50.0/s, 10 s left");
  EXPECT_EQ(progress_line({"answer", "questions", 1000, 1000, 5}, 100),
            "answer [########################] 1,000 of 1,000 questions, 200/s, 0 s left");
}

TEST(ProgressLine, HasNoRateBeforeTheFirstItem) {
  EXPECT_EQ(progress_line({"answer", "questions", 0, 10, 2}, 100),
            "answer [------------------------] 0 of 10 questions");
}

TEST(ProgressLine, HasNoBarAndNoEndWithoutATotal) {
  EXPECT_EQ(progress_line({"answer", "lines", 30, 0, 3}, 100), "answer 30 lines, 10.0/s");
}

TEST(ProgressLine, FitsTheTerminal) {
  EXPECT_EQ(progress_line({"answer", "questions", 500, 1000, 10}, 60),
            "answer 500 of 1,000 questions, 50.0/s, 10 s left");
  EXPECT_EQ(progress_line({"answer", "questions", 500, 1000, 10}, 12), "answer 500 o");
}

}  // namespace
}  // namespace deformer::tools
