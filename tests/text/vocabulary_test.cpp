#include "text/vocabulary.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer {
namespace {

TEST(PieceTable, FindsTheLongestPieceThatATextBeginsWith) {
  const PieceTable table({{"a", 1}, {"ab", 2}, {"abcd", 3}, {"b", 4}});
  EXPECT_EQ(table.longest_match("abc").id, 2);
  EXPECT_EQ(table.longest_match("abc").size_bytes, 2u);
  EXPECT_EQ(table.longest_match("abcde").id, 3);
  EXPECT_EQ(table.longest_match("ba").id, 4);
  EXPECT_EQ(table.longest_match("cab").size_bytes, 0u);
  EXPECT_EQ(table.longest_match("").size_bytes, 0u);
}

TEST(PieceTable, FindsNothingWhenEmpty) {
  EXPECT_EQ(PieceTable(std::vector<PieceTable::Piece>{}).longest_match("a").size_bytes, 0u);
}

TEST(PieceTable, LeavesOutPiecesThatNoWordCanHold) {
  const std::string longest(PieceTable::kMaxPieceBytes, 'a');
  const std::string longer = longest + "a";
  const PieceTable table({{longest, 1}, {longer, 2}});
  EXPECT_EQ(table.longest_match(longer).id, 1);
}

TEST(PieceTable, FindsEachOfManyPieces) {
  std::vector<std::string> texts(5000);
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = std::to_string(i * 7919) + "x";
  std::vector<PieceTable::Piece> pieces;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    pieces.push_back({texts[i], static_cast<std::int32_t>(i)});
  }
  const PieceTable table(pieces);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ASSERT_EQ(table.longest_match(texts[i] + "y").id, static_cast<std::int32_t>(i));
  }
}

TEST(WordPieceVocabulary, NumbersLinesFromZero) {
  const WordPieceVocabulary vocabulary("a\nb\n##c\n", "v");
  EXPECT_EQ(vocabulary.size(), 3u);
  EXPECT_EQ(vocabulary.find("a"), 0);
  EXPECT_EQ(vocabulary.find("##c"), 2);
  EXPECT_EQ(vocabulary.find("c"), std::nullopt);
  EXPECT_EQ(vocabulary.find("ab"), std::nullopt);
  EXPECT_EQ(vocabulary.find(""), std::nullopt);
  EXPECT_EQ(vocabulary.token(2), "##c");
}

TEST(WordPieceVocabulary, TellsInitialFromContinuingPieces) {
  const WordPieceVocabulary vocabulary("c\n##c\n##\n", "v");
  EXPECT_EQ(vocabulary.initial().longest_match("c").id, 0);
  EXPECT_EQ(vocabulary.continuing().longest_match("c").id, 1);
  EXPECT_EQ(vocabulary.continuing().longest_match("#").size_bytes, 0u);
}

// The four that follow were observed in transformers 5.23.
TEST(WordPieceVocabulary, TakesTheLastOfEqualLines) {
  const WordPieceVocabulary vocabulary("a\nb\na\nc", "v");
  EXPECT_EQ(vocabulary.size(), 4u);
  EXPECT_EQ(vocabulary.find("a"), 2);
  EXPECT_EQ(vocabulary.token(0), "a");
}

TEST(WordPieceVocabulary, AcceptsWindowsLineEnds) {
  const WordPieceVocabulary vocabulary("a\r\nb\r\n", "v");
  EXPECT_EQ(vocabulary.size(), 2u);
  EXPECT_EQ(vocabulary.find("b"), 1);
}

TEST(WordPieceVocabulary, DropsWhiteSpaceAtTheEndOfALine) {
  const WordPieceVocabulary vocabulary("a \nb\t\nc\u00A0\u3000\n d\n", "v");
  EXPECT_EQ(vocabulary.find("a"), 0);
  EXPECT_EQ(vocabulary.find("b"), 1);
  EXPECT_EQ(vocabulary.find("c"), 2);
  EXPECT_EQ(vocabulary.find("d"), std::nullopt);
  EXPECT_EQ(vocabulary.find(" d"), 3);
}

TEST(WordPieceVocabulary, GivesAnEmptyLineAnId) {
  const WordPieceVocabulary vocabulary("a\n\nb\n", "v");
  EXPECT_EQ(vocabulary.size(), 3u);
  EXPECT_EQ(vocabulary.find("b"), 2);
}

// An editor's additions: they give no id, so the size is that of the embeddings.
TEST(WordPieceVocabulary, LeavesOutAByteOrderMarkAndEmptyLinesAtTheEnd) {
  const WordPieceVocabulary vocabulary("\xEF\xBB\xBF[PAD]\n\nb\n\n \r\n\n", "v");
  EXPECT_EQ(vocabulary.size(), 3u);
  EXPECT_EQ(vocabulary.find("[PAD]"), 0);
  EXPECT_EQ(vocabulary.find("b"), 2);
}

TEST(WordPieceVocabulary, RefusesAnEmptyFile) {
  test::expect_error(ErrorCode::kCorrupt, "v: expected at least one token",
                     [] { WordPieceVocabulary("\n\n", "v"); });
  test::expect_error(ErrorCode::kCorrupt, "dir/vocab.txt: expected at least one token",
                     [] { WordPieceVocabulary("", "dir/vocab.txt"); });
}

TEST(WordPieceVocabulary, RefusesInvalidUtf8AndNamesTheLine) {
  test::expect_error(ErrorCode::kCorrupt, "vocab.txt: line 2: expected UTF-8",
                     [] { WordPieceVocabulary("a\n\xFF\nc\n", "vocab.txt"); });
}

}  // namespace
}  // namespace deformer
