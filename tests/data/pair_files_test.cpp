#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "deformer/known_datasets.h"
#include "support/expect_error.h"
#include "support/shared_data.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

class PairFile : public testing::Test {
 protected:
  Dataset load(const std::string& name, const std::string& text) {
    write_file(directory_ / "data", text);
    return known_dataset(name).load(directory_ / "data");
  }

  void expect_refused(const std::string& task, const std::string& text,
                      const std::string& message) {
    test::expect_error(ErrorCode::kCorrupt, "data: " + message, [&] { (void)load(task, text); });
  }

  test::TempDir directory_;
};

TEST_F(PairFile, ReadsBoolqInTheFormsOfSuperGlueAndOfItsRelease) {
  const Dataset dataset =
      load("boolq", R"({"question": "is it", "passage": "It -- is.", "idx": 7, "label": true}
{"question": "was it", "passage": "", "label": 0}

{"question": "a", "title": "T", "answer": false, "passage": "p"}
{"question": "caf\u00e9", "passage": "p"})");
  EXPECT_EQ(dataset.name, "boolq");
  ASSERT_EQ(dataset.examples.size(), 4U);
  EXPECT_EQ(dataset.examples[0].id, "7");
  EXPECT_EQ(dataset.examples[0].questions.at(0), "is it");
  EXPECT_EQ(dataset.passage_of(dataset.examples[0]), "It -- is.");
  EXPECT_EQ(dataset.examples[0].label(), 1);
  EXPECT_EQ(dataset.examples[1].id, "1");
  EXPECT_EQ(dataset.examples[1].label(), 0);
  EXPECT_EQ(dataset.examples[2].label(), 0);
  EXPECT_EQ(dataset.examples[3].questions.at(0), "caf\xC3\xA9");
  EXPECT_FALSE(dataset.examples[3].label().has_value());
  EXPECT_FALSE(dataset.is_labelled());
}

TEST_F(PairFile, BoolqIdsMayBeTextAndNullIsAsGoodAsAbsent) {
  const Dataset dataset =
      load("boolq", R"({"question": "q", "passage": "p", "idx": "dev-7", "label": null}
{"question": "q", "passage": "p", "idx": null, "label": null, "answer": true})");
  EXPECT_EQ(dataset.examples.at(0).id, "dev-7");
  EXPECT_FALSE(dataset.examples[0].label().has_value());
  EXPECT_EQ(dataset.examples.at(1).id, "1");
  EXPECT_EQ(dataset.examples[1].label(), 1);
}

TEST_F(PairFile, BadBoolqLinesAreNamed) {
  const std::string good = R"({"question": "q", "passage": "p", "label": true})";
  expect_refused("boolq", good + "\n{\"question\": }", "line 2, column 14: broken");
  expect_refused("boolq", good + "\n\n[]", "line 3: expected an object, found an array");
  expect_refused("boolq", R"({"question": "q"})", "line 1: expected a key \"passage\"");
  expect_refused("boolq", R"({"question": 1, "passage": "p"})",
                 "line 1: question: expected a string, found a number");
  expect_refused("boolq", R"({"question": "q", "passage": "p", "label": "true"})",
                 "line 1: label: expected a boolean, found a string");
  expect_refused("boolq", R"({"question": "q", "passage": "p", "label": 2})",
                 "line 1: label: expected 0 or 1, found 2");
  expect_refused("boolq", good + "\n\"\xff\"", "line 2: expected UTF-8");
}

TEST_F(PairFile, ReadsMnliWithGluesHeader) {
  const Dataset dataset =
      load("mnli",
           "index\tgenre\tsentence1\tsentence2\tlabel1\tgold_label\r\n"
           "4\tfiction\tHe said \"no.\t\"No,\" he said.\tneutral\tentailment\r\n"
           "9\tslate\ta\tb\tneutral\t-\r\n");
  ASSERT_EQ(dataset.examples.size(), 2U);
  EXPECT_EQ(dataset.examples[0].id, "4");
  EXPECT_EQ(dataset.passage_of(dataset.examples[0]), "He said \"no.") << "quotation marks are text";
  EXPECT_EQ(dataset.examples[0].questions.at(0), "\"No,\" he said.");
  EXPECT_EQ(dataset.examples[0].label(), 0);
  EXPECT_FALSE(dataset.examples[1].label().has_value());
}

TEST_F(PairFile, ReadsMnliInThreeColumnsWithoutAHeader) {
  const Dataset dataset = load("mnli", "neutral\tp0\th0\ncontradiction\tp1\t\n");
  ASSERT_EQ(dataset.examples.size(), 2U);
  EXPECT_EQ(dataset.examples[1].id, "1");
  EXPECT_EQ(dataset.passage_of(dataset.examples[0]), "p0");
  EXPECT_EQ(dataset.examples[0].questions.at(0), "h0");
  EXPECT_EQ(dataset.examples[0].label(), 1);
  EXPECT_EQ(dataset.examples[1].label(), 2);
  EXPECT_EQ(dataset.examples[1].questions.at(0), "");
  EXPECT_TRUE(dataset.is_labelled());
}

TEST_F(PairFile, MnliWithoutLabelsIsATestFile) {
  const Dataset dataset = load("mnli", "index\tsentence1\tsentence2\n0\ta\tb\n");
  ASSERT_EQ(dataset.examples.size(), 1U);
  EXPECT_FALSE(dataset.is_labelled());
}

TEST_F(PairFile, BadMnliRowsAreNamed) {
  expect_refused("mnli", "neutral\ta\tb\nneutral\ta\n", "line 2: expected 3 columns, found 2");
  expect_refused("mnli", "neutral\ta\tb\tc\n", "line 1: expected 3 columns, found 4");
  expect_refused("mnli", "neutral\ta\tb\nmaybe\ta\tb\n",
                 "line 2: expected a label entailment, neutral or contradiction, found \"maybe\"");
}

TEST_F(PairFile, ReadsQqpAndSkipsTornRows) {
  const Dataset dataset = load("qqp",
                               "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
                               "11\t1\t2\tWhat is \"x?\tWhy?\t0\n"
                               "12\t3\t4\tA question\n"
                               "with a line feed\tWho?\t1\n"
                               "13\t5\t6\t\tWho?\t1\n");
  EXPECT_EQ(dataset.skipped, 2U);
  ASSERT_EQ(dataset.examples.size(), 2U);
  EXPECT_EQ(dataset.examples[0].id, "11");
  EXPECT_EQ(dataset.passage_of(dataset.examples[0]), "What is \"x?");
  EXPECT_EQ(dataset.examples[0].questions.at(0), "Why?");
  EXPECT_EQ(dataset.examples[0].label(), 0);
  EXPECT_EQ(dataset.passage_of(dataset.examples[1]), "");
  EXPECT_EQ(dataset.examples[1].label(), 1);
}

TEST_F(PairFile, AByteOrderMarkIsNoPartOfTheFirstColumn) {
  const Dataset dataset = load("qqp",
                               "\xEF\xBB\xBFid\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
                               "11\t1\t2\tWhat?\tWhy?\t0\n");
  EXPECT_EQ(dataset.examples.at(0).id, "11");
}

TEST_F(PairFile, BadQqpRowsAreNamed) {
  const std::string header = "id\tquestion1\tquestion2\tis_duplicate\n";
  expect_refused("qqp", "1\ta\tb\t0\n", "line 1: expected a header with the columns question1");
  expect_refused("qqp", header + "1\ta\tb\tyes\n",
                 "line 2: expected is_duplicate 0 or 1, found \"yes\"");
  expect_refused("qqp", header + "1\ta\tb\t0\t0\n", "line 2: expected 4 columns, found 5");
}

TEST_F(PairFile, APassageThatIsRepeatedIsHeldOnce) {
  const Dataset dataset = load("mnli", "neutral\tp0\th0\nneutral\tp1\th1\nneutral\tp0\th2\n");
  EXPECT_EQ(dataset.passages.size(), 2U);
  EXPECT_EQ(dataset.examples.at(0).passage, dataset.examples.at(2).passage);
  EXPECT_EQ(dataset.passage_of(dataset.examples.at(1)), "p1");
}

TEST_F(PairFile, RefusesAFileThatIsAbsent) {
  test::expect_error(ErrorCode::kNotFound, "absent",
                     [&] { (void)known_dataset("mnli").load(directory_ / "absent"); });
  EXPECT_FALSE(load("boolq", "").is_labelled());
}

TEST(SharedPairFiles, BoolqValidationIsReadWhole) {
  DEFORMER_REQUIRE_SHARED("data/boolq/val.jsonl");
  const Dataset dataset = known_dataset("boolq").load(test::shared_path("data/boolq/val.jsonl"));
  EXPECT_EQ(dataset.examples.size(), 3270U);
  EXPECT_TRUE(dataset.is_labelled());
  EXPECT_EQ(dataset.examples.front().questions.at(0),
            "does ethanol take more energy make that produces");
}

TEST(SharedPairFiles, MnliSampleIsReadWhole) {
  DEFORMER_REQUIRE_SHARED("data/mnli/matched-1000.tsv");
  const Dataset dataset =
      known_dataset("mnli").load(test::shared_path("data/mnli/matched-1000.tsv"));
  EXPECT_EQ(dataset.examples.size(), 1000U);
  EXPECT_TRUE(dataset.is_labelled());
}

}  // namespace
}  // namespace deformer
