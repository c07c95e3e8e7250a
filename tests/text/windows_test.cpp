#include "text/windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/expect_error.h"

namespace deformer {
namespace {

using Windows = std::vector<Window>;

TEST(MakeWindows, GivesNoneForNoTokens) {
  EXPECT_TRUE(make_windows(0, 292, 128).empty());
}

TEST(MakeWindows, GivesOneWhenAllFits) {
  EXPECT_EQ(make_windows(1, 292, 128), (Windows{{0, 1}}));
  EXPECT_EQ(make_windows(292, 292, 128), (Windows{{0, 292}}));
}

// As get_valid_windows of the original code (common/text.py), worked by hand.
TEST(MakeWindows, StopsAtTheFirstThatReachesTheLastToken) {
  EXPECT_EQ(make_windows(293, 292, 128), (Windows{{0, 292}, {128, 165}}));
  EXPECT_EQ(make_windows(420, 292, 128), (Windows{{0, 292}, {128, 292}}));
  EXPECT_EQ(make_windows(421, 292, 128), (Windows{{0, 292}, {128, 292}, {256, 165}}));
}

TEST(MakeWindows, SkipsNoTokenWhenTheStepIsLargerThanTheWindow) {
  EXPECT_EQ(make_windows(25, 10, 15), (Windows{{0, 10}, {10, 10}, {20, 5}}));
  EXPECT_EQ(make_windows(25, 10, std::numeric_limits<std::int64_t>::max()),
            (Windows{{0, 10}, {10, 10}, {20, 5}}));
}

TEST(MakeWindows, TakesARoomBeyondAllTokens) {
  EXPECT_EQ(make_windows(25, std::numeric_limits<std::int64_t>::max(), 1), (Windows{{0, 25}}));
}

void expect_cover(std::size_t tokens, std::int64_t room, std::int64_t step) {
  std::size_t covered = 0;
  std::size_t first = 0;
  for (const Window& window : make_windows(tokens, room, step)) {
    ASSERT_LT(covered, tokens) << "a window after the last token was reached";
    ASSERT_EQ(window.first_token, first);
    ASSERT_LE(first, covered);
    ASSERT_GE(window.num_tokens, 1u);
    ASSERT_LE(window.num_tokens, static_cast<std::size_t>(room));
    covered = first + window.num_tokens;
    first += static_cast<std::size_t>(std::min(room, step));
  }
  ASSERT_EQ(covered, tokens);
}

TEST(MakeWindows, CoversEveryTokenWithinTheRoomAndEndsOnce) {
  for (std::size_t tokens = 0; tokens < 60; ++tokens) {
    for (std::int64_t room = 1; room < 20; ++room) {
      for (std::int64_t step = 1; step < 25; ++step) expect_cover(tokens, room, step);
    }
  }
}

TEST(MakeWindows, RefusesSizesBelowOne) {
  test::expect_error(ErrorCode::kInvalidArgument, "window_tokens: expected at least 1, found 0",
                     [] { (void)make_windows(5, 0, 1); });
  test::expect_error(ErrorCode::kInvalidArgument, "window_step: expected at least 1, found -3",
                     [] { (void)make_windows(5, 1, -3); });
  test::expect_error(ErrorCode::kInvalidArgument, "number of tokens",
                     [] { (void)make_windows(std::size_t{1} << 32, 1, 1); });
}

}  // namespace
}  // namespace deformer
