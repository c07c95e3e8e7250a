#include "text/bert_chars.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

#include "text/bert_char_ranges.h"

namespace deformer {
namespace {

std::u32string decomposed(char32_t c) {
  const CanonicalDecomposition parts(c);
  return {parts.begin(), parts.end()};
}

TEST(BertChars, HoldsSortedDisjointRanges) {
  for (std::size_t i = 0; i < std::size(kBertCharRanges); ++i) {
    EXPECT_LE(kBertCharRanges[i].first, kBertCharRanges[i].last);
    if (i == 0) continue;
    EXPECT_LT(kBertCharRanges[i - 1].last, kBertCharRanges[i].first);
  }
}

TEST(BertChars, KnowsTheKindsOfBothEndsOfARange) {
  for (const BertCharRange& range : kBertCharRanges) {
    EXPECT_EQ(bert_char_kind(range.first), range.kind);
    EXPECT_EQ(bert_char_kind(range.last), range.kind);
  }
  EXPECT_EQ(bert_char_kind(U'a'), BertCharKind::kOrdinary);
  EXPECT_EQ(bert_char_kind(0x10FFFF), BertCharKind::kOrdinary);
}

TEST(BertChars, DecomposesFully) {
  EXPECT_EQ(decomposed(U'a'), U"a");
  EXPECT_EQ(decomposed(0x1E69), U"s\u0323\u0307");
  EXPECT_EQ(decomposed(0x1F82), U"\u03B1\u0313\u0300\u0345");
  EXPECT_EQ(decomposed(0xD55C), U"\u1112\u1161\u11AB");
  EXPECT_EQ(decomposed(0xFB01), U"\uFB01") << "a ligature is no canonical composite";
}

TEST(BertChars, KeepsCompositesThatTheReferenceDoesNotKnow) {
  EXPECT_EQ(decomposed(0x11938), U"\U00011938");
}

TEST(BertChars, LowersCodePointsOneByOne) {
  EXPECT_EQ(lower_case(U'A').first, U'a');
  EXPECT_EQ(lower_case(0x3A3).first, 0x3C3u) << "never the final sigma";
  EXPECT_EQ(lower_case(0x130).first, U'i');
  EXPECT_EQ(lower_case(0x130).second, 0x307u);
  EXPECT_EQ(lower_case(0x10D51).first, 0x10D71u);
  EXPECT_EQ(lower_case(U'z').second, 0u);
}

}  // namespace
}  // namespace deformer
