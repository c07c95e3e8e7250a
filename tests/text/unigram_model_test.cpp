#include "text/unigram_model.h"

#include <gtest/gtest.h>

namespace deformer {
namespace {

UnigramModel make_unigram(std::vector<ScoredPiece> pieces, std::vector<bool> hidden = {}) {
  pieces.insert(pieces.begin(), {"<unk>", 0});
  hidden.resize(pieces.size());
  hidden[0] = true;
  return {std::move(pieces), hidden, 0};
}

std::vector<std::int32_t> ids(const UnigramModel& model, std::string_view word) {
  std::vector<std::int32_t> found;
  for (const WordPart& part : model.cut(word)) found.push_back(part.id);
  return found;
}

TEST(UnigramModel, TakesTheBestSum) {
  const UnigramModel model =
      make_unigram({{"a", -1}, {"b", -1}, {"ab", -1.5}, {"c", -1}, {"bc", -0.2}});
  EXPECT_EQ(ids(model, "ab"), (std::vector<std::int32_t>{3}));
  EXPECT_EQ(ids(model, "abc"), (std::vector<std::int32_t>{1, 5}));
}

TEST(UnigramModel, OfEqualSumsTheFirstFoundWins) {
  const UnigramModel model = make_unigram({{"x", -1}, {"xx", -2}});
  // Ends are reached from earlier beginnings first.
  EXPECT_EQ(ids(model, "xxx"), (std::vector<std::int32_t>{1, 2}));
}

TEST(UnigramModel, NeighboursWithoutAPieceAreOne) {
  const UnigramModel model = make_unigram({{"a", -1}});
  const auto parts = model.cut("\u4E00\u4E01a\u4E02");
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].id, 0);
  EXPECT_EQ(parts[0].end, 6u);
  EXPECT_EQ(parts[1].id, 1);
  EXPECT_EQ(parts[2].begin, 7u);
}

TEST(UnigramModel, AHiddenPieceIsNotFound) {
  EXPECT_EQ(ids(make_unigram({{"a", -1}, {"s", -1}, {"as", 5}}, {false, false, false, true}), "as"),
            (std::vector<std::int32_t>{1, 2}));
}

TEST(UnigramModel, OfEqualPiecesTheLastCounts) {
  EXPECT_EQ(ids(make_unigram({{"a", -1}, {"a", -3}}), "a"), (std::vector<std::int32_t>{2}));
}

TEST(UnigramModel, CutsNothingIntoNothing) {
  EXPECT_TRUE(make_unigram({{"a", -1}}).cut("").empty());
}

}  // namespace
}  // namespace deformer
