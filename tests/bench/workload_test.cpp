#include "bench/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "deformer/model_config.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using test::expect_error;
using test::TempDir;
using testing::ElementsAre;

// 12 + 2 question rows and 40 + 1 passage rows at most.
std::shared_ptr<const Model> tiny_model(const std::string& architecture) {
  const TempDir dir;
  test::write_tiny_model(dir.path(), {.architecture = architecture});
  return Model::load(dir.path());
}

void expect_exact_rows(const Model& model) {
  const auto questions =
      make_synthetic_questions(model, {.question = 9, .passage = 31}, 20, /*seed=*/3);
  ASSERT_EQ(questions.size(), 20u);
  std::set<std::string> ids;
  for (const QuestionRows& rows : count_rows(model, questions)) {
    EXPECT_EQ(rows.question, 9);
    EXPECT_THAT(rows.windows, ElementsAre(31));
  }
  for (const BenchQuestion& question : questions) ids.insert(question.passage.id);
  EXPECT_EQ(ids.size(), 20u);
}

TEST(SyntheticQuestions, HaveExactlyTheRowsAskedForWhateverTheTokenizer) {
  expect_exact_rows(*tiny_model("bert"));
  expect_exact_rows(*tiny_model("xlnet"));
  expect_exact_rows(*Model::random(test::tiny_model_config()));
}

// A word is another token behind a space.
TEST(SyntheticQuestions, HaveExactlyTheRowsAskedForOfByteLevelBpe) {
  const std::filesystem::path source = DEFORMER_SOURCE_DIR "/tests/golden/models/roberta-split";
  expect_exact_rows(*Model::load(source));
  const TempDir dir;
  for (const char* name : {"config.json", "model.safetensors", "vocab.json", "merges.txt"}) {
    std::filesystem::copy_file(source / name, dir / name);
  }
  std::ofstream(dir / "tokenizer_config.json")
      << R"({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true})";
  expect_exact_rows(*Model::load(dir.path()));
}

TEST(SyntheticQuestions, DependOnTheSeed) {
  const auto model = tiny_model("bert");
  const auto text = [&](std::uint64_t seed) {
    return make_synthetic_questions(*model, {9, 31}, 1, seed).front().passage.text;
  };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}

TEST(SyntheticQuestions, RefuseLengthsThatTheModelWouldCut) {
  const auto model = tiny_model("bert");
  const auto make = [&](RowLengths lengths) {
    static_cast<void>(make_synthetic_questions(*model, lengths, 1, 1));
  };
  expect_error(ErrorCode::kInvalidArgument, "expected 3 to 14 rows of a question, found 15", [&] {
    make({15, 31});
  });
  expect_error(ErrorCode::kInvalidArgument, "expected 2 to 41 rows of a passage, found 1", [&] {
    make({9, 1});
  });
}

SquadDataset dataset() {
  SquadDataset dataset;
  dataset.articles.resize(1);
  for (int i = 0; i < 10; ++i) {
    SquadParagraph& paragraph = dataset.articles.front().paragraphs.emplace_back();
    paragraph.context = "the river " + std::to_string(i);
    for (const char* name : {"a", "b", "c"}) {
      paragraph.questions.emplace_back().question = std::to_string(i) + name;
    }
  }
  return dataset;
}

TEST(SampleQuestions, TakeOneQuestionOfEachChosenParagraph) {
  const auto questions = sample_questions(dataset(), 6, 1);
  ASSERT_EQ(questions.size(), 6u);
  std::set<std::string> contexts;
  for (const BenchQuestion& each : questions) {
    contexts.insert(each.passage.text);
    EXPECT_EQ(each.passage.text.back(), each.question.front());
  }
  EXPECT_EQ(contexts.size(), 6u);
  EXPECT_EQ(sample_questions(dataset(), 99, 1).size(), 10u);
}

TEST(SampleQuestions, DependOnTheSeed) {
  const auto first = [](std::uint64_t seed) {
    return sample_questions(dataset(), 1, seed).front().question;
  };
  EXPECT_EQ(first(1), first(1));
  std::set<std::string> found;
  for (std::uint64_t seed = 0; seed < 20; ++seed) found.insert(first(seed));
  EXPECT_GT(found.size(), 5u);
}

TEST(SampleQuestions, PassOverParagraphsWithNothingToAsk) {
  SquadDataset empty = dataset();
  for (SquadParagraph& paragraph : empty.articles.front().paragraphs) paragraph.context = " \n";
  expect_error(ErrorCode::kInvalidArgument, "expected at least one paragraph",
               [&] { static_cast<void>(sample_questions(empty, 3, 1)); });
}

// U+00A0, U+3000 and U+200B are blanks too; the last has no width.
TEST(SampleQuestions, PassOverBlankQuestions) {
  SquadDataset some = dataset();
  std::vector<SquadParagraph>& paragraphs = some.articles.front().paragraphs;
  for (SquadParagraph& paragraph : paragraphs) {
    paragraph.questions[0].question = " \u00a0\t";
    paragraph.questions[2].question = "";
  }
  paragraphs[3].questions[1].question = "\u3000";
  paragraphs[4].context = "\u00a0\u200b";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto questions = sample_questions(some, 10, seed);
    EXPECT_EQ(questions.size(), 8u);
    for (const BenchQuestion& each : questions) EXPECT_EQ(each.question.back(), 'b');
  }
}

TEST(NewShapes, AreThoseOfOtherNumbersOfRows) {
  const std::vector<QuestionRows> rows{{5, {20}}, {9, {20}}, {5, {20}}, {5, {20, 8}}};
  std::set<QuestionRows> seen;
  EXPECT_THAT(new_shapes(rows, std::vector<std::size_t>{0, 1, 2}, seen), ElementsAre(0, 1));
  EXPECT_THAT(new_shapes(rows, std::vector<std::size_t>{2, 3, 0}, seen), ElementsAre(3));
}

TEST(CountRows, QuotesATextWithoutATokenWhereverItStands) {
  const auto model = tiny_model("bert");
  const std::vector<BenchQuestion> questions{{"the", {"id", "the"}}, {" \t", {"id", "the"}}};
  expect_error(ErrorCode::kInvalidArgument,
               "question \" \\t\": expected at least one token, found none",
               [&] { static_cast<void>(count_rows(*model, questions)); });
}

TEST(CountRows, CutsLongQuestionsAndPassagesAsAReaderDoes) {
  const auto model = tiny_model("bert");
  std::string words = "the";
  for (int i = 1; i < 50; ++i) words += " the";
  const std::vector<BenchQuestion> questions{{words, {"id", words}}};
  const std::vector<QuestionRows> rows = count_rows(*model, questions);
  EXPECT_EQ(rows.front().question, 12 + 2);
  // 50 tokens in windows of 40 every 16: [0, 40), [16, 50).
  EXPECT_THAT(rows.front().windows, ElementsAre(41, 35));
  EXPECT_EQ(joint_rows(rows.front()), 14 + 41 + 14 + 35);
  const BenchWork work = summarize(rows);
  EXPECT_EQ(work.windows, 2);
  EXPECT_EQ(work.passage_rows, 76);
}

TEST(QuestionFlops, OfOneWindowAreTheEstimate) {
  const ModelConfig config = published_model_config("bert-base");
  const FlopsEstimate estimate = estimate_flops(config);
  const QuestionRows rows{27, {293}};
  EXPECT_DOUBLE_EQ(question_flops(config, BenchMode::kFull, rows), estimate.full);
  EXPECT_DOUBLE_EQ(question_flops(config, BenchMode::kWarm, rows), estimate.decomposed);
  EXPECT_DOUBLE_EQ(question_flops(config, BenchMode::kCold, rows),
                   estimate.decomposed + estimate.encode_passage);
  EXPECT_DOUBLE_EQ(question_flops(config, BenchMode::kProjected, rows),
                   estimate.decomposed - 2.0 * 293 * 768 * 3 * 768);
}

TEST(QuestionFlops, CountTheLowerLayersOverTheQuestionOnce) {
  const ModelConfig config = published_model_config("bert-base");
  const double one = question_flops(config, BenchMode::kWarm, {27, {293}});
  const double two = question_flops(config, BenchMode::kWarm, {27, {293, 293}});
  // 24 h^2 L + 4 h L^2 a layer, 9 lower layers.
  const double lower = 9 * (24.0 * 768 * 768 * 27 + 4.0 * 768 * 27 * 27);
  EXPECT_NEAR(two, 2 * one - lower, 1);
}

}  // namespace
}  // namespace deformer
