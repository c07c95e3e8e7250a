#include "deformer/dataset.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer {
namespace {

using Labels = std::vector<std::string>;

// One example on each passage.
Dataset classes(const Labels& labels, const std::vector<std::pair<std::string, int>>& examples) {
  Dataset data{.name = "classes", .kind = TaskKind::kClasses, .labels = labels};
  for (const auto& [passage, label] : examples) {
    data.examples.push_back(
        {.id = passage, .questions = {"q"}, .passage = data.passages.size(), .target = label});
    data.passages.push_back({passage});
  }
  return data;
}

TEST(Dataset, ASquadFileKeepsParagraphsAnswersAndWhatIsImpossible) {
  SquadDataset squad;
  squad.articles.push_back(
      {"t",
       {{"empty", {}},
        {"the king",
         {{"a", "who", {{"king", 4}, {"the king", 0}}, false}, {"b", "x", {}, true}}}}});
  squad.articles.push_back({"u", {{"river", {{"c", "y", {}, false}}}}});
  const Dataset data = to_dataset(squad);
  EXPECT_EQ(data.kind, TaskKind::kSpan);
  ASSERT_EQ(data.passages.size(), 3U);
  EXPECT_EQ(data.passages[0].text, "empty");
  ASSERT_EQ(data.examples.size(), 3U);
  EXPECT_EQ(data.passage_of(data.examples[0]), "the king");
  EXPECT_EQ(data.examples[0].questions, Labels{"who"});
  const auto& target = std::get<SpanTarget>(data.examples[0].target);
  ASSERT_EQ(target.answers.size(), 2U);
  EXPECT_EQ(target.answers[1].text, "the king");
  EXPECT_TRUE(std::get<SpanTarget>(data.examples[1].target).is_impossible);
  EXPECT_FALSE(data.examples[2].has_target());
  EXPECT_EQ(data.examples[2].passage, 2U);
  EXPECT_FALSE(data.is_labelled());
}

TEST(Dataset, FilesOfClassesShareEqualPassagesAndLabels) {
  const Dataset joined = join({classes({"yes", "no"}, {{"p", 0}, {"r", 1}}),
                               classes({"no", "maybe", "Yes"}, {{"r", 2}, {"s", 1}, {"p", 0}})});
  EXPECT_EQ(joined.name, "classes");
  EXPECT_EQ(joined.labels, (Labels{"yes", "no", "maybe"}));
  ASSERT_EQ(joined.passages.size(), 3U);
  std::vector<std::string> passages;
  std::vector<int> labels;
  for (const Example& example : joined.examples) {
    passages.push_back(joined.passage_of(example));
    labels.push_back(*example.label());
  }
  EXPECT_EQ(passages, (Labels{"p", "r", "r", "s", "p"}));
  EXPECT_EQ(labels, (std::vector<int>{0, 1, 0, 2, 1}));
}

TEST(Dataset, FilesOfSpansKeepTheirParagraphsApart) {
  SquadDataset squad;
  squad.articles.push_back({"t", {{"same", {{"a", "who", {{"s", 0}}, false}}}}});
  const Dataset joined = join({to_dataset(squad), to_dataset(squad)});
  EXPECT_EQ(joined.passages.size(), 2U);
  EXPECT_EQ(joined.examples.at(1).passage, 1U);
  Dataset other = to_dataset(squad);
  other.name = "other";
  EXPECT_EQ(join({to_dataset(squad), other}).name, "span");
  test::expect_error(ErrorCode::kInvalidArgument,
                     "expected files of one kind, found span and classes", [&] {
                       (void)join({to_dataset(squad), classes({"a", "b"}, {})});
                     });
  test::expect_error(ErrorCode::kInvalidArgument, "at least one file", [] { (void)join({}); });
}

TEST(Dataset, LabelsAreMatchedByName) {
  Dataset data = classes({"Not Good", "good"}, {{"p", 0}, {"r", 1}});
  data.positive_label = 1;
  use_labels(data, {"good", "unknown", "not_good"});
  EXPECT_EQ(data.labels, (Labels{"good", "unknown", "not_good"}));
  EXPECT_EQ(data.examples[0].label(), 2);
  EXPECT_EQ(data.examples[1].label(), 0);
  EXPECT_EQ(data.positive_label, 0);
  test::expect_error(
      ErrorCode::kInvalidArgument,
      R"(data (classes): example "p": expected labels among good, bad, found "not_good")", [&] {
        use_labels(data, {"good", "bad"});
      });
}

TEST(FillOption, ReplacesTheBlankOrFollowsTheQuestion) {
  EXPECT_EQ(fill_option("He is _ .", "a king"), "He is a king .");
  EXPECT_EQ(fill_option("_ and _?", "x"), "x and x?");
  EXPECT_EQ(fill_option("Who?", "the king"), "Who? the king");
}

// Its size is a product of two.
TEST(FillOption, IsBounded) {
  const std::string blanks(15'000, '_');
  const std::string option(15'000, 'x');
  test::expect_error(ErrorCode::kInvalidArgument, "at most 1048576 bytes with the option in it",
                     [&] { (void)fill_option(blanks, option); });
  EXPECT_EQ(fill_option("_ _", "ab", 5), "ab ab");
  test::expect_error(ErrorCode::kInvalidArgument, "at most 4 bytes",
                     [&] { (void)fill_option("_ _", "ab", 4); });
}

TEST(OptionName, IsALetterWhereThereAreEnough) {
  EXPECT_EQ(option_name(0, 4), "A");
  EXPECT_EQ(option_name(25, 26), "Z");
  EXPECT_EQ(option_name(0, 27), "0");
  EXPECT_EQ(option_name(26, 27), "26");
}

}  // namespace
}  // namespace deformer
