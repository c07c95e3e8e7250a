#include "train/training_set.h"
#include "train/held_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

using testing::ElementsAre;

// Six tokens: the tiny vocabulary has each of these words as one token or as letters; what counts
// here are whole-word answers.
constexpr const char* kContext = "a b c d e f g h";

SquadQuestion question(const std::string& id, const std::string& answer, std::int64_t start) {
  return {.id = id, .question = "b c", .answers = {{answer, start}}};
}

SquadDataset dataset(std::vector<SquadQuestion> questions, const std::string& context = kContext) {
  SquadDataset data;
  data.articles.push_back({.title = "letters", .paragraphs = {{context, std::move(questions)}}});
  return data;
}

class TrainingSetTest : public testing::Test {
 protected:
  TrainingSetTest() {
    test::write_tiny_model(directory_.path());
    tokenizer_ = load_tokenizer(directory_.path());
  }

  [[nodiscard]] TrainingSet make(const SquadDataset& data, Negatives negatives = Negatives::kDrop,
                                 int window_tokens = 40, int window_step = 16) const {
    SplitConfig split;
    split.max_question_tokens = 12;
    split.window_tokens = window_tokens;
    split.window_step = window_step;
    return make_training_set(to_dataset(data), *tokenizer_, split, negatives);
  }

  test::TempDir directory_;
  std::unique_ptr<const Tokenizer> tokenizer_;
};

TEST_F(TrainingSetTest, PointsAtTheTokensOfTheAnswer) {
  const TrainingSet set = make(dataset({question("q", "c d", 4)}));
  ASSERT_EQ(set.pairs.size(), 1U);
  EXPECT_EQ(set.pairs[0].first, 2);
  EXPECT_EQ(set.pairs[0].last, 3);
  EXPECT_FALSE(set.no_answer);
  EXPECT_THAT(set.question_ids, ElementsAre("q"));
}

TEST_F(TrainingSetTest, CountsOffsetsInCodePoints) {
  const TrainingSet set = make(dataset({question("q", "b", 2)}, "\u00e9 b b"));
  EXPECT_EQ(set.pairs[0].first, 1);
  EXPECT_EQ(set.report.moved_answers, 0U);
}

TEST_F(TrainingSetTest, MovesAnAnswerToItsNearestOccurrence) {
  const TrainingSet set = make(dataset({question("q", "b", 7)}, "b a a a b a a"));
  EXPECT_EQ(set.pairs[0].first, 4);
  EXPECT_EQ(set.report.moved_answers, 1U);
}

TEST_F(TrainingSetTest, LeavesOutAnAnswerThatIsNowhere) {
  const TrainingSet set = make(dataset({question("q", "z", 0), question("r", "b", 2)}));
  EXPECT_EQ(set.report.lost_answers, 1U);
  EXPECT_THAT(set.question_ids, ElementsAre("r"));
}

TEST_F(TrainingSetTest, TrainsEveryWindowThatHoldsTheWholeAnswer) {
  // Windows of 4 tokens every 2: [0, 4), [2, 6), [4, 8). "d e" lies in the second only, the others
  // hold a part of it.
  const TrainingSet set =
      make(dataset({question("q", "d e", 6)}), Negatives::kKeep, /*window_tokens=*/4,
           /*window_step=*/2);
  ASSERT_EQ(set.windows.size(), 3U);
  ASSERT_EQ(set.pairs.size(), 1U);
  EXPECT_EQ(set.pairs[0].window, 1U);
  EXPECT_EQ(set.pairs[0].first, 1);
  EXPECT_EQ(set.pairs[0].last, 2);
}

TEST_F(TrainingSetTest, KeepsWindowsWithoutTheAnswerWhenAsked) {
  const SquadDataset data = dataset({question("q", "a", 0)});
  EXPECT_EQ(make(data, Negatives::kDrop, 4, 2).pairs.size(), 1U);
  const TrainingSet kept = make(data, Negatives::kKeep, 4, 2);
  ASSERT_EQ(kept.pairs.size(), 3U);
  EXPECT_TRUE(kept.pairs[0].has_answer());
  EXPECT_FALSE(kept.pairs[1].has_answer());
  EXPECT_TRUE(kept.no_answer);
  EXPECT_EQ(kept.report.pairs_no_answer, 2U);
}

TEST_F(TrainingSetTest, AnImpossibleQuestionHasNoAnswerInAnyWindow) {
  SquadQuestion impossible{.id = "q", .question = "z", .answers = {}, .is_impossible = true};
  const TrainingSet set = make(dataset({impossible}), Negatives::kDrop, 4, 2);
  EXPECT_EQ(set.pairs.size(), 3U);
  EXPECT_TRUE(set.no_answer);
}

TEST_F(TrainingSetTest, RefusesAFileWithoutAnswers) {
  const SquadDataset data = dataset({{.id = "q", .question = "b", .answers = {}}});
  test::expect_error(ErrorCode::kInvalidArgument,
                     "expected questions with answers, found 1 questions of which none can be used "
                     "(1 without an answer",
                     [&] { static_cast<void>(make(data)); });
}

TEST_F(TrainingSetTest, CountsAnAnswerThatNoWindowHolds) {
  const SquadDataset data = dataset({question("q", "a b c d e f", 0), question("r", "b", 2)});
  const TrainingSet set = make(data, Negatives::kDrop, 4, 2);
  EXPECT_EQ(set.report.split_answers, 1U);
  EXPECT_THAT(set.question_ids, ElementsAre("r"));
}

TEST(HeldOut, TakesWholeParagraphsWithTheirCopies) {
  std::vector<Dataset> files;
  for (const char* prefix : {"x", "y"}) {
    SquadDataset file;
    file.articles.emplace_back();
    for (int i = 0; i < 10; ++i) {
      const std::string id = "q" + std::to_string(i);
      file.articles[0].paragraphs.push_back(
          {"text " + std::to_string(i), {question(id, "t", 0), question(prefix + id, "t", 0)}});
    }
    files.push_back(to_dataset(file));
  }
  Dataset data = join(files);
  const Dataset held_out = take_held_out(data, 6, 1);
  EXPECT_EQ(held_out.examples.size(), 8U);  // two texts of two questions in two files
  EXPECT_EQ(data.examples.size(), 32U);
  std::set<std::string> texts;
  std::set<std::string> ids;
  for (const DatasetPassage& passage : held_out.passages) texts.insert(passage.text);
  for (const Example& each : held_out.examples) ids.insert(each.id);
  EXPECT_EQ(texts.size(), 2U);
  EXPECT_EQ(ids.size(), 8U);
  for (const DatasetPassage& passage : data.passages) EXPECT_FALSE(texts.contains(passage.text));
  for (const Example& each : data.examples) EXPECT_FALSE(texts.contains(data.passage_of(each)));
}

TEST(HeldOut, RefusesToTakeEverything) {
  Dataset data = to_dataset(dataset({question("q", "a", 0)}));
  test::expect_error(ErrorCode::kInvalidArgument, "held-out questions: expected fewer",
                     [&] { static_cast<void>(take_held_out(data, 1, 1)); });
}

TEST(HeldOut, CountsWhatCanBeScored) {
  Dataset data{.name = "classes", .kind = TaskKind::kClasses, .labels = {"yes", "no"}};
  for (int i = 0; i < 5; ++i) {
    data.passages.push_back({"text " + std::to_string(i)});
    Example& example = data.examples.emplace_back();
    example.id = std::to_string(i);
    example.questions = {"is it"};
    example.passage = static_cast<std::size_t>(i);
    if (i > 2) example.target = 1;
  }
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    Dataset from = data;
    EXPECT_EQ(take_held_out(from, 1, seed).examples.size(), 1U) << seed;
  }
  for (Example& example : data.examples) example.target = {};
  test::expect_error(ErrorCode::kInvalidArgument, "held-out questions: expected training data with",
                     [&] { static_cast<void>(take_held_out(data, 1, 1)); });
}

Dataset paragraphs(const std::vector<std::string>& texts, const std::string& prefix) {
  SquadDataset file;
  file.articles.emplace_back();
  for (const std::string& text : texts) {
    file.articles[0].paragraphs.push_back({text, {question(prefix + text, "t", 0)}});
  }
  return to_dataset(file);
}

TEST(Validation, ItsTextsAreNotTrainedOn) {
  Dataset data = paragraphs({"text 1", "text 2", "text 3"}, "q ");
  const Dataset validation = take_validation(data, paragraphs({"text 2", "text 9"}, "v "));
  std::vector<std::string> ids;
  for (const Example& example : data.examples) ids.push_back(example.id);
  EXPECT_THAT(ids, ElementsAre("q text 1", "q text 3"));
  EXPECT_EQ(data.passage_of(data.examples[1]), "text 3");
  EXPECT_EQ(validation.examples.size(), 2U);
}

TEST(Validation, RefusesWhatLeavesNothing) {
  Dataset data = paragraphs({"text 1"}, "q ");
  test::expect_error(ErrorCode::kInvalidArgument,
                     "training data: expected a passage that the validation data lack",
                     [&] { static_cast<void>(take_validation(data, data)); });
  data = paragraphs({"text 1"}, "q ");
  test::expect_error(ErrorCode::kInvalidArgument, "validation data: expected an example",
                     [&] { static_cast<void>(take_validation(data, paragraphs({}, ""))); });
}

}  // namespace
}  // namespace deformer
