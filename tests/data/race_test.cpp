#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "deformer/pair_dataset.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

constexpr const char* kArticle = R"({"answers": ["B", "A"], "id": "high1.txt",
  "questions": ["He is _ .", "Why?"], "article": "He was\na king.",
  "options": [["a", "b", "c", "d"], ["e", "f", "g", "h"]]})";

class RaceFiles : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((directory_ / name).parent_path());
    write_file(directory_ / name, text);
  }

  void expect_refused(const std::string& text, const std::string& message) {
    write("one.txt", text);
    test::expect_error(ErrorCode::kCorrupt, "one.txt: " + message,
                       [&] { (void)load_race(directory_ / "one.txt"); });
  }

  test::TempDir directory_;
};

TEST_F(RaceFiles, ReadsAllFilesBelowADirectoryByPath) {
  write("test/middle/7.txt",
        R"({"questions": ["q"], "options": [["x", "y"]], "article": "short"})");
  write("test/high/1.txt", kArticle);
  write("test/notes.md", "no article");
  const RaceDataset dataset = load_race(directory_ / "test");
  ASSERT_EQ(dataset.articles.size(), 2U);
  EXPECT_EQ(dataset.num_questions(), 3U);
  const RaceArticle& high = dataset.articles[0];
  EXPECT_EQ(high.id, "high1.txt");
  EXPECT_EQ(high.level, "high");
  EXPECT_EQ(high.text, "He was\na king.");
  ASSERT_EQ(high.questions.size(), 2U);
  EXPECT_EQ(high.questions[1].id, "high1.txt-1");
  EXPECT_EQ(high.questions[0].question, "He is _ .");
  EXPECT_EQ(high.questions[1].options, (std::vector<std::string>{"e", "f", "g", "h"}));
  EXPECT_EQ(high.questions[0].answer, 1);
  const RaceArticle& middle = dataset.articles[1];
  EXPECT_EQ(middle.id, "middle/7.txt") << "where the file gives none";
  EXPECT_EQ(middle.level, "middle");
  EXPECT_FALSE(middle.questions[0].answer.has_value());
  EXPECT_FALSE(dataset.is_labelled());
}

TEST_F(RaceFiles, ReadsOneFile) {
  write("one.txt", kArticle);
  const RaceDataset dataset = load_race(directory_ / "one.txt");
  EXPECT_EQ(dataset.num_questions(), 2U);
  EXPECT_TRUE(dataset.is_labelled());
  EXPECT_EQ(dataset.articles[0].level, "");
}

TEST_F(RaceFiles, AnIdMayBeANumberAndNullIsAsGoodAsAbsent) {
  write("one.txt", R"({"id": 262, "article": "", "questions": ["q"], "options": [["a", "b"]],
                       "answers": null})");
  const RaceDataset numbered = load_race(directory_ / "one.txt");
  EXPECT_EQ(numbered.articles.at(0).id, "262");
  EXPECT_FALSE(numbered.is_labelled());
  write("one.txt", R"({"id": null, "article": "", "questions": [], "options": []})");
  EXPECT_EQ(load_race(directory_ / "one.txt").articles.at(0).id, "one.txt");
}

TEST_F(RaceFiles, BadFilesNameFileAndField) {
  expect_refused("{", "line 1, column");
  expect_refused(R"({"questions": [], "options": []})", "expected a key \"article\"");
  expect_refused(R"({"article": "", "questions": ["q"], "options": []})",
                 "options: expected 1 elements, one a question, found 0");
  expect_refused(R"({"article": "", "questions": ["q"], "options": [["a"]]})",
                 "options[0]: expected at least two options, found 1");
  expect_refused(R"({"article": "", "questions": ["q"], "options": [["a", 2]]})",
                 "options[0][1]: expected a string, found a number");
  expect_refused(
      R"({"article": "", "questions": ["q"], "options": [["a", "b"]], "answers": ["C"]})",
      "answers[0]: expected a letter from A to B, found \"C\"");
  expect_refused(R"({"article": "", "questions": ["q"], "options": [["a", "b"]], "answers": []})",
                 "answers: expected 1 elements, one a question, found 0");
}

TEST_F(RaceFiles, AnArticleThatIsThereTwiceIsNamed) {
  write("a/1.txt", kArticle);
  write("b/1.txt", kArticle);
  test::expect_error(ErrorCode::kCorrupt,
                     "b/1.txt: id: expected a new article id, found \"high1.txt\"",
                     [&] { (void)load_race(directory_.path()); });
}

TEST_F(RaceFiles, ADirectoryWithoutArticlesIsNotFound) {
  write("empty/notes.md", "");
  test::expect_error(ErrorCode::kNotFound, "expected RACE's *.txt files",
                     [&] { (void)load_race(directory_ / "empty"); });
  test::expect_error(ErrorCode::kNotFound, "absent",
                     [&] { (void)load_race(directory_ / "absent"); });
}

TEST(FillOption, ReplacesTheBlankOrFollowsTheQuestion) {
  EXPECT_EQ(fill_option("He is _ .", "a king"), "He is a king .");
  EXPECT_EQ(fill_option("_ and _?", "x"), "x and x?");
  EXPECT_EQ(fill_option("Who?", "the king"), "Who? the king");
}

}  // namespace
}  // namespace deformer
