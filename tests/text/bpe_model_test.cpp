#include "text/bpe_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace deformer {
namespace {

using Part = BpeModel::Part;

// a 0, b 1, c 2, ab 3, bc 4, abc 5, " " 6, " a" 7; "unk" 8.
const std::vector<std::string> kTokens = {"a",   "b",      "c",       "ab", "bc",
                                          "abc", "\u0120", "\u0120a", "unk"};
constexpr std::int32_t kUnk = 8;

std::vector<Part> parts_of(const std::vector<BpeMerge>& merges, std::string_view word) {
  std::vector<Part> parts;
  BpeModel(kTokens, merges, kUnk).append_parts(word, parts);
  return parts;
}

TEST(BpeModel, JoinsInTheOrderOfTheRules) {
  EXPECT_EQ(parts_of({{1, 2, 4}, {0, 1, 3}}, "abc"), (std::vector<Part>{{0, 1}, {4, 2}}));
  EXPECT_EQ(parts_of({{0, 1, 3}, {1, 2, 4}}, "abc"), (std::vector<Part>{{3, 2}, {2, 1}}));
  EXPECT_EQ(parts_of({{0, 1, 3}, {3, 2, 5}}, "abcab"), (std::vector<Part>{{5, 3}, {3, 2}}));
  EXPECT_EQ(parts_of({{6, 0, 7}}, " ab"), (std::vector<Part>{{7, 2}, {1, 1}}));
}

TEST(BpeModel, OfEqualRulesTheLastCounts) {
  EXPECT_EQ(parts_of({{0, 1, 3}, {1, 2, 4}, {0, 1, 3}}, "abc"),
            (std::vector<Part>{{0, 1}, {4, 2}}));
}

TEST(BpeModel, AByteWithoutATokenIsUnknown) {
  EXPECT_EQ(parts_of({{0, 1, 3}},
                     "ab\xC3\xA9"
                     "a"),
            (std::vector<Part>{{3, 2}, {kUnk, 1}, {kUnk, 1}, {0, 1}}));
}

TEST(BpeModel, ATokenThatNoRuleMakesIsNotFound) {
  EXPECT_EQ(parts_of({}, "ab"), (std::vector<Part>{{0, 1}, {1, 1}}));
}

// Joins the earliest rule's leftmost pair until there is none.
std::vector<std::int32_t> plainly(const std::vector<BpeMerge>& merges,
                                  std::vector<std::int32_t> ids) {
  for (std::size_t rule = 0; rule < merges.size();) {
    const auto fits = [&](std::size_t i) {
      return ids[i] == merges[rule].left && ids[i + 1] == merges[rule].right;
    };
    std::size_t at = 0;
    while (at + 1 < ids.size() && !fits(at)) ++at;
    if (at + 1 >= ids.size()) {
      ++rule;
      continue;
    }
    ids[at] = merges[rule].joined;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    rule = 0;
  }
  return ids;
}

TEST(BpeModel, LongWordsAreJoinedAsShortOnes) {
  const std::vector<BpeMerge> merges = {{1, 2, 4}, {0, 4, 5}, {0, 1, 3}, {6, 0, 7}};
  const BpeModel model(kTokens, merges, kUnk);
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    std::string word;
    std::vector<std::int32_t> ids;
    for (auto left = 1 + random() % 120; left > 0; --left) {
      constexpr std::string_view kBytes = "abc ";
      const auto chosen = random() % kBytes.size();
      word.push_back(kBytes[chosen]);
      ids.push_back(chosen == 3 ? 6 : static_cast<std::int32_t>(chosen));
    }
    std::vector<Part> parts;
    model.append_parts(word, parts);
    std::vector<std::int32_t> found;
    found.reserve(parts.size());
    for (const Part& part : parts) found.push_back(part.id);
    ASSERT_EQ(found, plainly(merges, ids)) << word;
  }
}

TEST(ByteAlphabet, HasACharacterForEveryByteAndBack) {
  for (int byte = 0; byte < 256; ++byte) {
    std::string spelled;
    append_utf8(spelled, byte_character(static_cast<unsigned char>(byte)));
    EXPECT_EQ(bytes_of_spelling(spelled), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(byte_character(' '), char32_t{0x120});
  EXPECT_EQ(bytes_of_spelling("\u0120of"), " of");
  EXPECT_EQ(bytes_of_spelling("a b"), std::nullopt);
  EXPECT_EQ(bytes_of_spelling("\u4E2D"), std::nullopt);
}

}  // namespace
}  // namespace deformer
