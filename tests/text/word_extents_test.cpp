#include "text/word_extents.h"

#include <gtest/gtest.h>

#include <string>

#include "text/golden.h"

namespace deformer {
namespace {

// The text of each extent.
std::vector<std::string> extents(std::string_view text, const std::vector<ByteSpan>& spans) {
  std::vector<std::string> texts;
  for (const ByteSpan& extent : word_extents(text, bert_words(text), spans)) {
    texts.emplace_back(text.substr(extent.begin, extent.end - extent.begin));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(WordExtents, APieceOfAWordHasTheWord) {
  EXPECT_EQ(extents("an unaffable man", {{0, 2}, {3, 5}, {5, 8}, {8, 12}, {13, 16}}),
            (Texts{"an", "unaffable", "unaffable", "unaffable", "man"}));
}

TEST(WordExtents, PunctuationAndIdeographsAreWordsOfTheirOwn) {
  EXPECT_EQ(extents("don't", {{0, 3}, {3, 4}, {4, 5}}), (Texts{"don", "'", "t"}));
  EXPECT_EQ(extents("$5bn.", {{0, 1}, {1, 2}, {2, 4}, {4, 5}}), (Texts{"$", "5bn", "5bn", "."}));
  EXPECT_EQ(extents("x\u65E5\u672Cy", {{0, 1}, {1, 4}, {4, 7}, {7, 8}}),
            (Texts{"x", "\u65E5", "\u672C", "y"}));
}

// Pieces of one syllable share its bytes (docs of TokenizedText).
TEST(WordExtents, PartsOfACharacterHaveItsWord) {
  const std::string seoul = "\uC11C\uC6B8";
  EXPECT_EQ(extents("in " + seoul + ".", {{0, 2}, {3, 6}, {3, 6}, {6, 9}, {6, 9}, {9, 10}}),
            (Texts{"in", seoul, seoul, seoul, seoul, "."}));
}

TEST(WordExtents, CombiningMarksBelongToTheirLetter) {
  EXPECT_EQ(extents("Rene\u0301 came", {{0, 4}, {7, 11}}), (Texts{"Rene\u0301", "came"}));
  EXPECT_EQ(extents("!\u0301 x", {{0, 1}, {4, 5}}), (Texts{"!\u0301", "x"}));
  EXPECT_EQ(extents("\u0301a", {{2, 3}}), (Texts{"\u0301a"}));
}

TEST(WordExtents, WhatCleaningRemovesNeitherEndsAWordNorBelongsToItsEnds) {
  EXPECT_EQ(extents("a\u200Bb c\u200B", {{0, 1}, {4, 5}, {6, 7}}),
            (Texts{"a\u200Bb", "a\u200Bb", "c"}));
}

TEST(WordExtents, ATokenOfSeveralWordsReachesFromTheFirstToTheLast) {
  EXPECT_EQ(extents("the U.S.A", {{2, 5}, {5, 8}}), (Texts{"the U", ".S."}));
}

TEST(WordExtents, WhiteSpaceAloneIsEmptied) {
  const std::string text = "a\n \u3000\u200B b";
  std::vector<ByteSpan> extents{{0, 1}, {1, 2}, {2, 9}, {2, 11}};
  empty_blank(text, extents);
  EXPECT_EQ(extents, (std::vector<ByteSpan>{{0, 1}, {2, 2}, {9, 9}, {2, 11}}));
}

TEST(WordExtents, OfATextWithoutTokensThereAreNone) {
  EXPECT_TRUE(extents("", {}).empty());
  EXPECT_TRUE(extents("a b", {}).empty());
}

// Golden: the reference's tokens of many texts. A token that is a whole word stays as it is, so
// that only answers that cut a word change.
TEST(WordExtents, NeverCutATokenAndKeepWholeWords) {
  const WordPieceTokenizer tokenizer = test::make_golden_tokenizer("cased");
  for (const nlohmann::json& row : test::load_golden_lines("texts.jsonl")) {
    const std::string text = test::text_of(row);
    const std::vector<ByteSpan> spans = tokenizer.tokenize(text).spans;
    const std::vector<ByteSpan> extents = word_extents(text, bert_words(text), spans);
    ASSERT_EQ(extents.size(), spans.size());
    for (std::size_t i = 0; i < spans.size(); ++i) {
      EXPECT_LE(extents[i].begin, spans[i].begin);
      EXPECT_GE(extents[i].end, spans[i].end);
      if (i == 0) continue;
      EXPECT_GE(extents[i].begin, extents[i - 1].begin);
      EXPECT_GE(extents[i].end, extents[i - 1].end);
      // A space between two tokens is a boundary of words.
      if (text[spans[i].begin - 1] == ' ') {
        EXPECT_EQ(extents[i].begin, spans[i].begin)
            << testing::PrintToString(text) << " token " << i;
        EXPECT_LT(extents[i - 1].end, spans[i].begin);
      }
    }
  }
}

TEST(WordExtents, ATokenOfSpacesBelongsToTheWordAfterItOrIsEmpty) {
  //                       0123456789
  const std::string text = "ab    cd";  // tokens: "ab", "  ", " ", " ", "c", "d"
  const std::vector<ByteSpan> spans{{0, 2}, {2, 4}, {4, 5}, {5, 6}, {6, 7}, {7, 8}};
  const std::vector<ByteSpan> words{{0, 2}, {6, 8}};
  EXPECT_EQ(word_extents(text, words, spans),
            (std::vector<ByteSpan>{{0, 2}, {4, 4}, {5, 5}, {6, 8}, {6, 8}, {6, 8}}));
  EXPECT_EQ(word_extents(text, {}, spans),
            (std::vector<ByteSpan>{{0, 2}, {4, 4}, {5, 5}, {6, 6}, {6, 7}, {7, 8}}));
}

}  // namespace
}  // namespace deformer
