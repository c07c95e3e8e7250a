#include "text/bert_words.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "text/golden.h"

namespace deformer {
namespace {

using test::Crc32;

struct Word {
  std::string text;
  std::uint32_t begin;
  std::uint32_t end;

  friend bool operator==(const Word&, const Word&) = default;
  friend void PrintTo(const Word& word, std::ostream* out) {
    *out << '"' << word.text << "\" [" << word.begin << ", " << word.end << ")";
  }
};

std::vector<Word> words_of(std::string_view text, const BertCleaning& cleaning = {}) {
  std::vector<Word> result;
  BertWords words(text, cleaning);
  while (words.next()) {
    const std::string_view word = words.word();
    const ByteSpan span = words.span(0, word.size());
    EXPECT_EQ(words.code_points(), count_code_points(word));
    result.push_back({std::string(word), span.begin, span.end});
  }
  EXPECT_FALSE(words.next()) << "the end must stay the end";
  return result;
}

TEST(BertWords, SplitsAtSpacesAndSetsPunctuationApart) {
  EXPECT_EQ(words_of(" Hey,  you!?"),
            (std::vector<Word>{
                {"hey", 1, 4}, {",", 4, 5}, {"you", 7, 10}, {"!", 10, 11}, {"?", 11, 12}}));
}

TEST(BertWords, KeepsCaseAndAccentsWhenToldTo) {
  const BertCleaning cleaning{.lower_case = false, .strip_accents = false};
  EXPECT_EQ(words_of("Caf\u00E9s", cleaning), (std::vector<Word>{{"Caf\u00E9s", 0, 6}}));
}

TEST(BertWords, MapsAWordWithAnAccentToItsOriginalBytes) {
  EXPECT_EQ(words_of("x Caf\u00E9s y"),
            (std::vector<Word>{{"x", 0, 1}, {"cafes", 2, 8}, {"y", 9, 10}}));
}

TEST(BertWords, LeavesStrippedMarksAtTheEdgeOutOfTheSpan) {
  EXPECT_EQ(words_of("e\u0301te\u0301 x"), (std::vector<Word>{{"ete", 0, 5}, {"x", 8, 9}}));
}

TEST(BertWords, LeavesDroppedCharactersAtTheEdgeOutOfTheSpan) {
  using namespace std::string_view_literals;
  EXPECT_EQ(words_of("\0a\0b\0 c"sv), (std::vector<Word>{{"ab", 1, 4}, {"c", 6, 7}}));
}

TEST(BertWords, SetsIdeographsApartUnlessToldNotTo) {
  EXPECT_EQ(words_of("a\u4E2D\u6587b"),
            (std::vector<Word>{{"a", 0, 1}, {"\u4E2D", 1, 4}, {"\u6587", 4, 7}, {"b", 7, 8}}));
  EXPECT_EQ(words_of("a\u4E2D\u6587b", {.split_ideographs = false}),
            (std::vector<Word>{{"a\u4E2D\u6587b", 0, 8}}));
}

TEST(BertWords, GivesEachJamoOfASyllableTheWholeSyllable) {
  BertWords words("\uD55C", {});
  ASSERT_TRUE(words.next());
  EXPECT_EQ(words.word(), "\u1112\u1161\u11AB");
  EXPECT_EQ(words.span(0, 3), (ByteSpan{0, 3}));
  EXPECT_EQ(words.span(3, 6), (ByteSpan{0, 3}));
}

TEST(BertWords, DropsInvalidBytes) {
  EXPECT_EQ(words_of("a\xFF"
                     "b \xE4\xB8"),
            (std::vector<Word>{{"ab", 0, 3}}));
}

TEST(BertWords, FindsNothingInTextsWithoutWords) {
  for (const char* text : {"", "   ", "\u0301\u0302", "\u200B", "\x80\x80", " \u3000\n"}) {
    EXPECT_TRUE(words_of(text).empty());
  }
}

std::uint32_t block_digest(char32_t begin, char32_t end, const BertCleaning& cleaning) {
  Crc32 digest;
  for (char32_t c = begin; c < end; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "a";
    append_utf8(text, c);
    test::add_words(digest, text += 'b', cleaning);
  }
  return digest.value();
}

TEST(BertWords, AgreesWithTheReferenceOnEveryCodePoint) {
  const nlohmann::json golden = test::load_golden("code_points.json");
  const auto count = golden["code_points_per_digest"].get<char32_t>();
  for (const auto& [mode, digests] : golden["digests"].items()) {
    ASSERT_EQ(digests.size(), 0x110000 / count);
    for (char32_t block = 0; block < digests.size(); ++block) {
      EXPECT_EQ(block_digest(block * count, (block + 1) * count, test::cleaning_of_mode(mode)),
                digests[block].get<std::uint32_t>())
          << mode << ", code points from " << std::hex << block * count;
    }
  }
}

std::uint32_t random_digest(test::RandomTexts& texts, std::size_t count,
                            const BertCleaning& cleaning) {
  Crc32 digest;
  for (; count > 0; --count) test::add_words(digest, texts.next(), cleaning);
  return digest.value();
}

TEST(BertWords, AgreesWithTheReferenceOnRandomTexts) {
  const nlohmann::json golden = test::load_golden("random.json");
  for (const auto& [mode, digests] : golden["digests"].items()) {
    test::RandomTexts texts(golden);
    for (std::size_t i = 0; i < digests.size(); ++i) {
      EXPECT_EQ(random_digest(texts, golden["texts_per_digest"], test::cleaning_of_mode(mode)),
                digests[i].get<std::uint32_t>())
          << mode << ", digest " << i;
    }
  }
}

}  // namespace
}  // namespace deformer
