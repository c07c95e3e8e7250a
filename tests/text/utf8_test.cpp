#include "text/utf8.h"

#include <gtest/gtest.h>

#include <random>

#include "support/expect_error.h"
#include "text/golden.h"

namespace deformer {
namespace {

std::vector<std::size_t> boundaries(std::string_view text) {
  std::vector<std::size_t> result{0};
  while (result.back() < text.size()) {
    result.push_back(result.back() + decode_utf8(text, result.back()).size_bytes);
  }
  return result;
}

TEST(Utf8, DecodesWhatItAppendsForEveryCodePoint) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    const DecodedChar decoded = decode_utf8(text, 0);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.size_bytes, text.size());
  }
}

TEST(Utf8, CountsEachInvalidByteAsOneCodePoint) {
  for (const nlohmann::json& row : test::load_golden_lines("texts.jsonl")) {
    if (!row.contains("bytes")) continue;
    EXPECT_EQ(boundaries(test::text_of(row)), row["boundaries"].get<std::vector<std::size_t>>())
        << row["bytes"];
  }
}

TEST(Utf8, DecodesInvalidBytesAsReplacementCharacters) {
  for (const char* text :
       {"\x80", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    const DecodedChar decoded = decode_utf8(text, 0);
    EXPECT_EQ(decoded.code_point, kReplacementCharacter);
    EXPECT_EQ(decoded.size_bytes, 1u);
    EXPECT_FALSE(is_valid_utf8(text));
  }
}

TEST(Utf8, AcceptsAReplacementCharacterThatIsWritten) {
  EXPECT_TRUE(is_valid_utf8("a\xEF\xBF\xBD"));
  EXPECT_TRUE(is_valid_utf8(""));
}

TEST(CodePointIndex, AgreesWithCountingAtEveryBoundary) {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += i % 3 == 0 ? "a\xC3\xA9" : "\xE4\xB8\xAD\xF0\x9F\x98\x80\xFF";
  const std::vector<std::size_t> expected = boundaries(text);
  const CodePointIndex index(text);
  ASSERT_EQ(index.size(), expected.size() - 1);
  EXPECT_EQ(count_code_points(text), index.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(index.byte_of(i), expected[i]);
    EXPECT_EQ(index.code_points_before(expected[i]), i);
  }
}

TEST(CodePointIndex, CountsAByteInsideACodePointAsTheBoundaryAfterIt) {
  const std::string text =
      "a\xE4\xB8\xAD"
      "b";
  const CodePointIndex index(text);
  EXPECT_EQ(index.code_points_before(1), 1u);
  EXPECT_EQ(index.code_points_before(2), 2u);
  EXPECT_EQ(index.code_points_before(3), 2u);
  EXPECT_EQ(index.code_points_before(4), 2u);
}

TEST(CodePointIndex, IsTheIdentityOnAscii) {
  const std::string text(1000, 'x');
  const CodePointIndex index(text);
  EXPECT_EQ(index.size(), 1000u);
  EXPECT_EQ(index.byte_of(1000), 1000u);
  EXPECT_EQ(index.code_points_before(999), 999u);
}

TEST(CodePointIndex, HandlesTheEmptyText) {
  const CodePointIndex index("");
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.byte_of(0), 0u);
  EXPECT_EQ(index.code_points_before(0), 0u);
}

TEST(CodePointIndex, RefusesOffsetsBeyondTheEnd) {
  for (const char* text : {"abc", "\xC3\xA9\xC3\xA9"}) {
    const CodePointIndex index(text);
    test::expect_error(ErrorCode::kInvalidArgument, "code-point offset: expected at most",
                       [&] { (void)index.byte_of(index.size() + 1); });
    test::expect_error(ErrorCode::kInvalidArgument, "byte offset: expected at most",
                       [&] { (void)index.code_points_before(5); });
  }
}

TEST(CodePointIndex, AgreesWithCountingOnRandomBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 300, '\0');
    for (char& c : text) c = static_cast<char>(random() % 2 ? random() : 'a' + random() % 26);
    const std::vector<std::size_t> expected = boundaries(text);
    const CodePointIndex index(text);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(index.byte_of(i), expected[i]);
      ASSERT_EQ(index.code_points_before(expected[i]), i);
    }
  }
}

}  // namespace
}  // namespace deformer
