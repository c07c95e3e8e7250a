#include "text/gpt2_words.h"

#include <gtest/gtest.h>

#include "text/bpe_golden.h"

namespace deformer {
namespace {

std::vector<std::string> gpt2_words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = gpt2_word_end(text, at);
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

using Words = std::vector<std::string>;

TEST(Gpt2Words, KeepASpaceBeforeThem) {
  EXPECT_EQ(gpt2_words_of("One plain, 12 x3"), (Words{"One", " plain", ",", " 12", " x", "3"}));
}

TEST(Gpt2Words, SetContractionsApart) {
  EXPECT_EQ(gpt2_words_of("don't 's we'll 'tis"),
            (Words{"don", "'t", " '", "s", " we", "'ll", " '", "tis"}));
  EXPECT_EQ(gpt2_words_of("''s 'S"), (Words{"''", "s", " '", "S"}));
}

TEST(Gpt2Words, LeaveTheLastSpaceOfSeveralToTheNextWord) {
  EXPECT_EQ(gpt2_words_of("a   b"), (Words{"a", "  ", " b"}));
  EXPECT_EQ(gpt2_words_of("a \nb"), (Words{"a", " ", "\n", "b"}));
  EXPECT_EQ(gpt2_words_of("a \n"), (Words{"a", " \n"}));
  EXPECT_EQ(gpt2_words_of("a\u3000 b"), (Words{"a", "\u3000", " b"}));
}

TEST(Gpt2Words, ReadAnInvalidByteAsASymbol) {
  EXPECT_EQ(gpt2_words_of("a\xFF-b"), (Words{"a", "\xFF-", "b"}));
}

// The golden digests are of the ends of the words of "aC1C-C C" for every code point C.
std::uint32_t ends_digest(char32_t begin, char32_t end) {
  test::Crc32 digest;
  for (char32_t c = begin; c < end; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string character;
    append_utf8(character, c);
    std::string text;
    for (const char* part : {"a", "1", "-", " "}) text.append(part).append(character);
    for (std::size_t at = 0; at < text.size();) {
      at = gpt2_word_end(text, at);
      digest.add_integer(static_cast<std::uint32_t>(at));
    }
    digest.add_integer(~0u);
  }
  return digest.value();
}

TEST(Gpt2Words, AgreeWithTheReferenceOnEveryCodePoint) {
  const nlohmann::json golden = test::load_bpe_golden("code_points.json");
  const auto count = golden["code_points_per_digest"].get<char32_t>();
  const auto& digests = golden["digests"];
  ASSERT_EQ(digests.size(), 0x110000 / count);
  for (char32_t block = 0; block < digests.size(); ++block) {
    EXPECT_EQ(ends_digest(block * count, (block + 1) * count), digests[block].get<std::uint32_t>())
        << "code points from " << std::hex << block * count;
  }
}

}  // namespace
}  // namespace deformer
