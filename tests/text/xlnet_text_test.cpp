#include "text/xlnet_text.h"

#include <gtest/gtest.h>

#include <set>

#include "text/golden.h"

namespace deformer {
namespace {

std::string clean(std::string_view text, const XlnetCleaning& cleaning = {}) {
  return clean_xlnet_text(text, cleaning).text;
}

// The original bytes that cleaned[begin, end) was made from.
std::string source(std::string_view text, std::size_t begin, std::size_t end) {
  const XlnetText cleaned = clean_xlnet_text(text, {});
  const std::uint32_t first = cleaned.sources.at(begin).begin;
  return std::string(text.substr(first, cleaned.sources.at(end - 1).end - first));
}

TEST(CleanXlnetText, LeavesAPlainTextAsItIs) {
  const XlnetText cleaned = clean_xlnet_text("It's plain.", {});
  EXPECT_EQ(cleaned.text, "It's plain.");
  ASSERT_EQ(cleaned.sources.size(), 11u);
  EXPECT_EQ(cleaned.sources[10], (ByteSpan{10, 11}));
}

TEST(CleanXlnetText, SqueezesWhiteSpaceOfEveryKind) {
  EXPECT_EQ(clean(" a \t\u3000b\u0085\x1c"), "a b");
  EXPECT_EQ(source("a \t b", 1, 2), " \t ");
  EXPECT_EQ(clean("  a ", {.remove_space = false}), "  a ");
}

TEST(CleanXlnetText, MakesDoubledQuotesPlain) {
  EXPECT_EQ(clean("``a''"), "\"a\"");
  EXPECT_EQ(clean("```a'''"), "\"`a\"'");
  EXPECT_EQ(clean("` `' '"), "` `' '");
  EXPECT_EQ(source("x''y", 1, 2), "''");
}

TEST(CleanXlnetText, StripsAccentsAndDecomposes) {
  EXPECT_EQ(clean("\u00C9t\u00E9 \uFB01 \uFF11"), "Ete fi 1");
  EXPECT_EQ(source("\uFB01x", 1, 2), "\uFB01");
  EXPECT_EQ(source("e\u0301x", 1, 2), "x");
  EXPECT_EQ(clean("\u00C9 \uFB01", {.keep_accents = true}), "\u00C9 \uFB01");
}

TEST(CleanXlnetText, LowersWithTheFinalSigma) {
  EXPECT_EQ(clean("\u039F\u03A3 A", {.lower_case = true}), "\u03BF\u03C2 a");
  const XlnetText dotted = clean_xlnet_text("\u0130x", {.keep_accents = true, .lower_case = true});
  EXPECT_EQ(dotted.text, "i\u0307x");
  EXPECT_EQ(dotted.sources, (std::vector<ByteSpan>{{0, 2}, {0, 2}, {0, 2}, {2, 3}}));
}

TEST(CleanXlnetText, AgreesWithTheReferenceOnEveryCodePoint) {
  const nlohmann::json golden = test::load_xlnet_golden("code_points.json");
  const auto block = golden["code_points_per_digest"].get<std::uint32_t>();
  for (const auto& [mode, digests] : golden["digests"].items()) {
    std::vector<test::Crc32> found(digests.size());
    for (const auto& range : golden["assigned"]) {
      for (char32_t c = range[0]; c <= range[1].get<char32_t>(); ++c) {
        std::string text = "a";
        append_utf8(text, c);
        found[c / block].add_integer(c);
        found[c / block].add_bytes(clean(text + "b", test::xlnet_cleaning_of_mode(mode)));
      }
    }
    for (std::size_t i = 0; i < digests.size(); ++i) {
      EXPECT_EQ(found[i].value(), digests[i].get<std::uint32_t>()) << mode << ", block " << i;
    }
  }
}

TEST(IsPythonDigit, AgreesWithTheReferenceOnEveryCodePoint) {
  const nlohmann::json golden = test::load_xlnet_golden("code_points.json");
  const auto digits = golden["digits"].get<std::set<char32_t>>();
  ASSERT_GT(digits.size(), 700u);
  for (const auto& range : golden["assigned"]) {
    for (char32_t c = range[0]; c <= range[1].get<char32_t>(); ++c) {
      EXPECT_EQ(is_python_digit(c), digits.contains(c)) << static_cast<std::uint32_t>(c);
    }
  }
}

}  // namespace
}  // namespace deformer
