#include "text/bpe_tables.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

constexpr std::string_view kBpeVocabulary =
    R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6})";
constexpr std::string_view kMerges = "#version: 0.2\na b\n";

class BpeTablesTest : public testing::Test {
 protected:
  BpeTables load(std::string_view vocabulary, std::string_view merges) {
    write_file(dir_ / "vocab.json", vocabulary);
    write_file(dir_ / "merges.txt", merges);
    return load_bpe_tables(dir_.path());
  }
  void expect_broken(const std::string& message, std::string_view vocabulary,
                     std::string_view merges) {
    test::expect_error(ErrorCode::kCorrupt, dir_.path().string() + "/" + message,
                       [&] { (void)load(vocabulary, merges); });
  }

  test::TempDir dir_;
};

TEST_F(BpeTablesTest, ReadsTokensAndRules) {
  const BpeTables tables = load(kBpeVocabulary, kMerges);
  EXPECT_EQ(tables.tokens.size(), 7u);
  EXPECT_EQ(tables.tokens[6], "ab");
  EXPECT_EQ(tables.merges, (std::vector<BpeMerge>{{4, 5, 6}}));
}

TEST_F(BpeTablesTest, TakesAnyLineEndAndNoHeader) {
  for (const char* merges : {"a b", "a b\n", "#version: 0.2\r\na b\r\n", "a b\n\n"}) {
    EXPECT_EQ(load(kBpeVocabulary, merges).merges.size(), 1u) << merges;
  }
  EXPECT_TRUE(load(kBpeVocabulary, "").merges.empty());
}

TEST_F(BpeTablesTest, NamesALineThatIsNoRule) {
  const std::string expected = ": expected two tokens with a space between, found ";
  expect_broken("merges.txt: line 3" + expected + "\"ab\"", kBpeVocabulary, "#version\na b\nab\n");
  expect_broken("merges.txt: line 1" + expected + "\"a b c\"", kBpeVocabulary, "a b c");
  expect_broken("merges.txt: line 2" + expected + "\"\"", kBpeVocabulary, "a b\n\na b\n");
  expect_broken("merges.txt: line 1" + expected + "\" b\"", kBpeVocabulary, " b");
  expect_broken("merges.txt: line 1" + expected + "\"\uFFFD\"", kBpeVocabulary, "\xFF");
}

TEST_F(BpeTablesTest, NamesARuleThatDoesNotFitTheVocabulary) {
  expect_broken("merges.txt: line 2: expected a token of the vocabulary, found \"x\"",
                kBpeVocabulary, "a b\nx a\n");
  expect_broken("merges.txt: line 1: expected a token of the vocabulary, found \"x\"",
                kBpeVocabulary, "a x\n");
  expect_broken(
      "merges.txt: line 1: expected a rule that makes a token of the vocabulary, found \"ba\"",
      kBpeVocabulary, "b a\n");
}

TEST_F(BpeTablesTest, NamesABrokenVocabulary) {
  expect_broken("vocab.json: expected a token for every id below 6, found none for 4",
                R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 5})", "");
  expect_broken(R"(vocab.json: "b": expected an id of its own, found that of "a")",
                R"({"a": 0, "b": 0})", "");
  expect_broken("vocab.json: \"a\": expected an id below 65538, found -1", R"({"a": -1})", "");
  expect_broken("vocab.json: \"a\": expected an integer, found a string", R"({"a": "b"})", "");
  expect_broken("vocab.json: expected an object, found an array", "[]", "");
  expect_broken("vocab.json: line 1", "{", "");
}

TEST_F(BpeTablesTest, NamesAMissingFile) {
  write_file(dir_ / "vocab.json", kBpeVocabulary);
  test::expect_error(ErrorCode::kNotFound, "merges.txt",
                     [&] { (void)load_bpe_tables(dir_.path()); });
  expect_broken("merges.txt: expected the file itself, found a Git LFS", kBpeVocabulary,
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n");
}

}  // namespace
}  // namespace deformer
