#include "base/table_text.h"

#include <gtest/gtest.h>

namespace deformer {
namespace {

TEST(TableText, AlignsWhatFitsAndKeepsWhatDoesNot) {
  EXPECT_EQ(right_aligned("F1", 5), "   F1");
  EXPECT_EQ(left_aligned("F1", 5), "F1   ");
  for (const std::size_t width : {0U, 4U, 5U}) {
    EXPECT_EQ(right_aligned("exact", width), "exact");
    EXPECT_EQ(left_aligned("exact", width), "exact");
  }
}

TEST(TableText, ValuesOfAReportStandInOneColumn) {
  EXPECT_EQ(report_line("store", "memory:"), "store         memory:\n");
  EXPECT_EQ(report_line("  projections", "1"), "  projections 1\n");
}

}  // namespace
}  // namespace deformer
