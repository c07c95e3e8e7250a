#include "text/id_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer {
namespace {

using test::expect_error;
using testing::ElementsAre;

TEST(IdTokenizer, ReadsIdsAndWhereTheyStand) {
  const TokenizedText tokens = IdTokenizer(100).tokenize(" 17 4\n99\t0");
  EXPECT_THAT(tokens.ids, ElementsAre(17, 4, 99, 0));
  EXPECT_THAT(tokens.spans,
              ElementsAre(ByteSpan{1, 3}, ByteSpan{4, 5}, ByteSpan{6, 8}, ByteSpan{9, 10}));
  EXPECT_TRUE(IdTokenizer(100).tokenize(" \n").ids.empty());
}

TEST(IdTokenizer, RefusesWhatIsNoIdOfItsRange) {
  const IdTokenizer tokenizer(100);
  for (const char* text : {"100", "-1", "7a", "Who", "99999999999", "1,2"}) {
    expect_error(ErrorCode::kUnsupported,
                 "expected token ids below 100 (a model with random weights has no vocabulary), "
                 "found \"" +
                     std::string(text) + "\"",
                 [&] { static_cast<void>(tokenizer.tokenize("5 " + std::string(text))); });
  }
}

TEST(IdTokenizer, RefusesATextThatSpansCannotReach) {
  const std::string_view text(" ", std::size_t{1} << 32);  // of which nothing is read
  expect_error(ErrorCode::kInvalidArgument, "text: expected less than 4 GiB, found 4294967296",
               [&] { static_cast<void>(IdTokenizer(100).tokenize(text)); });
}

TEST(IdTokenizer, SpellsIdsAsItReadsThem) {
  const IdTokenizer tokenizer(100);
  EXPECT_EQ(tokenizer.token(42), "42");
  EXPECT_EQ(tokenizer.vocab_size(), 100);
  expect_error(ErrorCode::kInvalidArgument, "expected 0 to 99, found 100",
               [&] { static_cast<void>(tokenizer.token(100)); });
  EXPECT_NE(tokenizer.hash(), IdTokenizer(101).hash());
  expect_error(ErrorCode::kInvalidArgument, "expected at least 4",
               [] { static_cast<void>(IdTokenizer(3)); });
}

}  // namespace
}  // namespace deformer
