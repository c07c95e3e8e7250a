#include "base/number_text.h"

#include <gtest/gtest.h>

namespace deformer {
namespace {

TEST(NumberText, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(NumberText, HasTheDecimalsThatAreAskedFor) {
  EXPECT_EQ(fixed(3.14159, 2), "3.14");
  EXPECT_EQ(fixed(2.5, 0), "2");  // as printf: halves to the even one
  EXPECT_EQ(fixed(-0.04, 1), "-0.0");
  EXPECT_EQ(fixed(1e300, 3).size(), 63U);  // longer ones are cut
}

}  // namespace
}  // namespace deformer
