#include <gtest/gtest.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "data/golden.h"
#include "deformer/metrics.h"
#include "support/expect_error.h"
#include "text/python_text.h"

namespace deformer {
namespace {

constexpr char32_t kEndOfUnicode = 0x110000;

bool is_surrogate(char32_t c) {
  return c >= 0xD800 && c < 0xE000;
}

// Membership of every code point in a list of half-open ranges.
std::vector<bool> members(const nlohmann::json& ranges) {
  std::vector<bool> result(kEndOfUnicode);
  for (const auto& range : ranges) {
    for (auto c = range[0].get<char32_t>(); c < range[1].get<char32_t>(); ++c) result[c] = true;
  }
  return result;
}

// Compares a property of all characters that the golden data's Unicode version has.
template <typename Property>
void expect_same_characters(const char* name, Property&& property) {
  const nlohmann::json unicode = test::load_golden("unicode.json");
  const std::vector<bool> unassigned = members(unicode.at("unassigned"));
  const std::vector<bool> expected = members(unicode.at(name));
  for (char32_t c = 0; c < kEndOfUnicode; ++c) {
    if (unassigned[c] || is_surrogate(c)) continue;
    EXPECT_EQ(property(c), expected[c]) << "U+" << std::hex << static_cast<unsigned>(c);
  }
}

TEST(PythonText, KnowsPythonsWordCharacters) {
  expect_same_characters("word", is_python_word);
}

TEST(PythonText, KnowsPythonsWhiteSpace) {
  expect_same_characters("space", is_python_space);
}

// Whether a capital sigma after these two characters lowers to its final form.
bool makes_sigma_final(char32_t first, char32_t second) {
  const std::u32string text = {first, second, U'\u03A3'};
  return python_lower(text).back() == U'\u03C2';
}

TEST(PythonText, FindsCasedLettersBeforeASigma) {
  expect_same_characters("cased", [](char32_t c) { return makes_sigma_final(U'1', c); });
}

TEST(PythonText, SkipsCaseIgnorableCharactersBeforeASigma) {
  expect_same_characters("case_ignorable", [](char32_t c) {
    return makes_sigma_final(U'A', c) && !makes_sigma_final(U'1', c);
  });
}

TEST(PythonText, LowersEveryCharacterAsPythonDoes) {
  const nlohmann::json unicode = test::load_golden("unicode.json");
  const std::vector<bool> unassigned = members(unicode.at("unassigned"));
  std::unordered_map<char32_t, std::u32string> lower;
  for (const auto& entry : unicode.at("lower")) {
    for (const auto& c : entry[1]) lower[entry[0].get<char32_t>()].push_back(c.get<char32_t>());
  }
  for (char32_t c = 0; c < kEndOfUnicode; ++c) {
    if (unassigned[c] || is_surrogate(c)) continue;
    const std::u32string expected = lower.contains(c) ? lower.at(c) : std::u32string(1, c);
    EXPECT_EQ(python_lower({&c, 1}), expected) << "U+" << std::hex << static_cast<unsigned>(c);
  }
}

TEST(PythonText, Utf8SurvivesDecodingAndEncoding) {
  const std::string text = "a\u00E9\u4E2D\U0001F44D";
  EXPECT_EQ(to_utf32(text), U"a\u00E9\u4E2D\U0001F44D");
  EXPECT_EQ(to_utf8(to_utf32(text)), text);
  EXPECT_EQ(to_utf8(to_utf32(std::string(1, '\0'))), std::string(1, '\0'));
}

TEST(NormalizeAnswer, EqualsPythonOnNastyTexts) {
  const nlohmann::json texts = test::load_golden("texts.json");
  ASSERT_GT(texts.size(), 400U);
  for (const auto& pair : texts) {
    const auto text = pair[0].get<std::string>();
    EXPECT_EQ(normalize_answer(text), pair[1].get<std::string>()) << pair[0].dump(-1, ' ', true);
  }
}

TEST(NormalizeAnswer, IsIdempotentOnNastyTexts) {
  for (const auto& pair : test::load_golden("texts.json")) {
    const auto normalized = pair[1].get<std::string>();
    EXPECT_EQ(normalize_answer(normalized), normalized) << pair[1].dump(-1, ' ', true);
  }
}

TEST(NormalizeAnswer, RefusesWhatIsNotUtf8) {
  for (const char* text :
       {"ab\xFF", "ab\xC3", "ab\xED\xA0\x80", "ab\xC0\x80", "ab\xF4\x90\x80\x80"}) {
    test::expect_error(ErrorCode::kInvalidArgument, "malformed sequence at byte 2",
                       [&] { (void)normalize_answer(text); });
  }
}

}  // namespace
}  // namespace deformer
