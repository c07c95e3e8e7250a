#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "deformer/known_datasets.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

Dataset load_race(const std::filesystem::path& path) {
  return known_dataset("race").load(path);
}

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
  const Dataset dataset = load_race(directory_ / "test");
  EXPECT_EQ(dataset.name, "race");
  EXPECT_EQ(dataset.kind, TaskKind::kChoice);
  ASSERT_EQ(dataset.passages.size(), 2U);
  ASSERT_EQ(dataset.examples.size(), 3U);
  EXPECT_EQ(dataset.passages[0].level, "high");
  EXPECT_EQ(dataset.passages[0].text, "He was\na king.");
  EXPECT_EQ(dataset.examples[0].id, "high1.txt-0");
  EXPECT_EQ(dataset.examples[1].id, "high1.txt-1");
  EXPECT_EQ(dataset.examples[0].questions,
            (std::vector<std::string>{"He is a .", "He is b .", "He is c .", "He is d ."}));
  EXPECT_EQ(dataset.examples[1].questions,
            (std::vector<std::string>{"Why? e", "Why? f", "Why? g", "Why? h"}));
  EXPECT_EQ(dataset.examples[0].label(), 1);
  EXPECT_EQ(dataset.examples[0].passage, 0U);
  EXPECT_EQ(dataset.examples[2].id, "middle/7.txt-0") << "where the file gives none";
  EXPECT_EQ(dataset.examples[2].passage, 1U);
  EXPECT_EQ(dataset.passages[1].level, "middle");
  EXPECT_FALSE(dataset.examples[2].label().has_value());
  EXPECT_FALSE(dataset.is_labelled());
}

TEST_F(RaceFiles, ReadsOneFile) {
  write("one.txt", kArticle);
  const Dataset dataset = load_race(directory_ / "one.txt");
  EXPECT_EQ(dataset.examples.size(), 2U);
  EXPECT_TRUE(dataset.is_labelled());
  EXPECT_EQ(dataset.passages[0].level, "");
}

TEST_F(RaceFiles, AnIdMayBeANumberAndNullIsAsGoodAsAbsent) {
  write("one.txt", R"({"id": 262, "article": "", "questions": ["q"], "options": [["a", "b"]],
                       "answers": null})");
  const Dataset numbered = load_race(directory_ / "one.txt");
  EXPECT_EQ(numbered.examples.at(0).id, "262-0");
  EXPECT_FALSE(numbered.is_labelled());
  write("one.txt", R"({"id": null, "article": "", "questions": ["q"], "options": [["a", "b"]]})");
  EXPECT_EQ(load_race(directory_ / "one.txt").examples.at(0).id, "one.txt-0");
}

// Letters end at Z; without answers nothing needs them.
TEST_F(RaceFiles, MoreOptionsThanLettersCannotBeAnswered) {
  nlohmann::json article{{"article", ""}, {"questions", {"q"}}};
  article["options"][0] = std::vector<std::string>(27, "o");
  write("one.txt", article.dump());
  EXPECT_EQ(load_race(directory_ / "one.txt").examples.at(0).questions.size(), 27U);
  article["answers"] = {"A"};
  expect_refused(article.dump(), "answers[0]: expected a letter, so at most 26 options, found 27");
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

}  // namespace
}  // namespace deformer
