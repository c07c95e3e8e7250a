#include "deformer/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/check.h"
#include "deformer/runtime.h"
#include "support/expect_error.h"

namespace deformer {
namespace {

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
  EXPECT_FALSE(names.contains(to_string(static_cast<ErrorCode>(99))));
}

TEST(Error, KeepsCodeAndMessage) {
  const Error error(ErrorCode::kUnsupported, "x: expected y, found z");
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_STREQ(error.what(), "x: expected y, found z");
}

TEST(Error, IsOneLineWhateverItQuotes) {
  const Error error(ErrorCode::kInvalidArgument, "question a\nb\r\tc\x1b[31m: found \xC3\xA9");
  EXPECT_STREQ(error.what(), "question a b  c\\x1b[31m: found \xC3\xA9");
}

void check_three(int value) {
  DEFORMER_CHECK(value == 3);
}

TEST(Check, ThrowsAnInternalErrorThatNamesPlaceAndCondition) {
  check_three(3);
  test::expect_error(ErrorCode::kInternal, "error_test.cpp:", [] { check_three(4); });
  test::expect_error(ErrorCode::kInternal, ": expected value == 3", [] { check_three(4); });
}

TEST(Version, IsThreeNumbers) {
  EXPECT_THAT(version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace deformer
