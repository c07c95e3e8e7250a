#include "deformer/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "data/golden.h"
#include "support/expect_error.h"
#include "support/shared_data.h"
#include "text/python_text.h"

namespace deformer {
namespace {

using nlohmann::json;

// All comparisons of scores are exact: the arithmetic is the scorers', operation by operation.
void expect_score(const SquadScore& score, const json& expected) {
  EXPECT_EQ(score.exact, expected.at("exact").get<double>());
  EXPECT_EQ(score.f1, expected.at("f1").get<double>());
  EXPECT_EQ(score.total, expected.at("total").get<std::size_t>());
}

void expect_evaluation(const SquadEvaluation& evaluation, const json& expected) {
  expect_score(evaluation.overall, expected.at("overall"));
  ASSERT_TRUE(evaluation.has_answer);
  expect_score(*evaluation.has_answer, expected.at("has_answer"));
  ASSERT_TRUE(evaluation.no_answer);
  expect_score(*evaluation.no_answer, expected.at("no_answer"));
  ASSERT_EQ(evaluation.best.has_value(), expected.contains("best"));
  if (!evaluation.best) return;
  const json& best = expected.at("best");
  EXPECT_EQ(evaluation.best->best_exact, best.at("exact").get<double>());
  EXPECT_EQ(evaluation.best->best_exact_threshold, best.at("exact_threshold").get<double>());
  EXPECT_EQ(evaluation.best->best_f1, best.at("f1").get<double>());
  EXPECT_EQ(evaluation.best->best_f1_threshold, best.at("f1_threshold").get<double>());
}

void expect_question_scores(const std::vector<QuestionScore>& scores, const json& expected) {
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_EQ(scores[i].exact, expected[i][0].get<double>()) << scores[i].id;
    EXPECT_EQ(scores[i].f1, expected[i][1].get<double>()) << scores[i].id;
  }
}

SquadQuestion make_question(std::string id, std::vector<SquadAnswer> answers,
                            bool is_impossible = false) {
  return {std::move(id), "?", std::move(answers), is_impossible};
}

SquadDataset make_dataset(std::vector<SquadQuestion> questions) {
  return {"", {{"", {{"", std::move(questions)}}}}};
}

// One answerable and one unanswerable question.
SquadDataset make_squad20() {
  return make_dataset({make_question("yes", {{"cat", 0}}), make_question("no", {}, true)});
}

TEST(Metrics, PairScoresEqualPython) {
  for (const json& row : test::load_golden("pairs.json")) {
    const auto prediction = row[0].get<std::string>();
    const auto gold = row[1].get<std::string>();
    EXPECT_EQ(exact_match(prediction, gold), row[2].get<double>()) << row;
    EXPECT_EQ(token_f1(prediction, gold), row[3].get<double>()) << row;
  }
}

TEST(Metrics, Squad11EqualsTheReference) {
  const SquadDataset dataset = load_squad(test::golden_path("squad_v1.json"));
  const Predictions predictions = load_predictions(test::golden_path("squad_v1_predictions.json"));
  const json expected = test::load_golden("squad_v1_expected.json");
  const SquadEvaluation evaluation = evaluate_squad(dataset, predictions);
  expect_score(evaluation.overall, expected);
  EXPECT_EQ(evaluation.missing, 3U);
  EXPECT_FALSE(evaluation.has_answer || evaluation.no_answer || evaluation.best);
  expect_question_scores(score_questions(dataset, predictions), expected.at("questions"));
}

TEST(Metrics, Squad20EqualsTheReferenceWithoutNoAnswerScores) {
  const SquadDataset dataset = load_squad(test::golden_path("squad_v2.json"));
  const Predictions predictions = load_predictions(test::golden_path("squad_v2_predictions.json"));
  const json expected = test::load_golden("squad_v2_expected.json");
  expect_evaluation(evaluate_squad(dataset, predictions), expected.at("plain"));
  expect_question_scores(score_questions(dataset, predictions), expected.at("questions"));
}

TEST(Metrics, Squad20EqualsTheReferenceAtEveryThreshold) {
  const SquadDataset dataset = load_squad(test::golden_path("squad_v2.json"));
  const Predictions predictions = load_predictions(test::golden_path("squad_v2_predictions.json"));
  const NoAnswerScores scores =
      load_no_answer_scores(test::golden_path("squad_v2_no_answer_scores.json"));
  const json thresholds = test::load_golden("squad_v2_expected.json").at("thresholds");
  ASSERT_EQ(thresholds.size(), 6U);
  for (const json& expected : thresholds) {
    const auto threshold = expected.at("threshold").get<double>();
    SCOPED_TRACE(threshold);
    expect_evaluation(evaluate_squad(dataset, predictions, &scores, threshold), expected);
  }
}

TEST(Metrics, TwoEmptyAnswersAgreeInSquad20Only) {
  const Predictions predictions = {{"yes", "."}, {"no", "the"}};
  const auto squad20 = score_questions(make_squad20(), predictions);
  EXPECT_EQ(squad20[1].f1, 1);
  EXPECT_EQ(squad20[1].exact, 1);
  const auto squad11 =
      score_questions(make_dataset({make_question("no", {{"a", 0}})}), predictions);
  EXPECT_EQ(squad11[0].f1, 0);
  EXPECT_EQ(squad11[0].exact, 1);
}

// What evaluate-v2.0.py makes of `"answers": []`, whatever is_impossible says; evaluate-v1.1.py
// stops.
TEST(Metrics, AQuestionWithoutAnAnswerAmongOthersExpectsNone) {
  const SquadDataset dataset =
      make_dataset({make_question("yes", {{"cat", 0}}), make_question("no", {})});
  EXPECT_TRUE(dataset.has_unanswerable());
  const SquadEvaluation evaluation = evaluate_squad(dataset, {{"yes", "cat"}, {"no", ""}});
  EXPECT_EQ(evaluation.overall.exact, 100);
  EXPECT_EQ(evaluation.no_answer->total, 1U);
  EXPECT_EQ(evaluate_squad(dataset, {{"yes", "cat"}, {"no", "dog"}}).overall.f1, 50);
}

TEST(Metrics, MissingPredictionsAreWrongAndStayInTheTotal) {
  const SquadEvaluation evaluation = evaluate_squad(make_squad20(), {{"yes", "the cat"}});
  EXPECT_EQ(evaluation.missing, 1U);
  EXPECT_EQ(evaluation.overall.exact, 50);
  EXPECT_EQ(evaluation.overall.total, 2U);
  EXPECT_EQ(evaluation.has_answer->exact, 100);
  EXPECT_EQ(evaluation.no_answer->exact, 0);
  EXPECT_EQ(evaluation.no_answer->total, 1U);
}

TEST(Metrics, MissingPredictionsAreWrongAtEveryThreshold) {
  const NoAnswerScores scores = {{"yes", 0.1}, {"no", 0.9}};
  const SquadEvaluation evaluation =
      evaluate_squad(make_squad20(), {{"yes", "the cat"}}, &scores, 0.5);
  EXPECT_EQ(evaluation.overall.exact, 50);
  EXPECT_EQ(evaluation.best->best_exact, 50);
  EXPECT_EQ(evaluation.best->best_exact_threshold, 0.1);
}

TEST(Metrics, OfEquallyGoodThresholdsTheFirstStays) {
  const Predictions predictions = {{"yes", "cat"}, {"no", "dog"}};
  const NoAnswerScores scores = {{"no", 0.1}, {"yes", 0.5}};
  const SquadEvaluation evaluation = evaluate_squad(make_squad20(), predictions, &scores);
  EXPECT_EQ(evaluation.best->best_exact, 50);
  EXPECT_EQ(evaluation.best->best_exact_threshold, 0);
  EXPECT_EQ(evaluation.best->best_f1_threshold, 0);
}

TEST(Metrics, PredictionsForOtherQuestionsDoNotCount) {
  const Predictions predictions = {{"yes", "cat"}, {"no", ""}, {"other", "dog"}};
  const NoAnswerScores scores = {{"other", 0.0}, {"yes", 0.1}, {"no", 0.9}};
  const SquadEvaluation evaluation = evaluate_squad(make_squad20(), predictions, &scores);
  EXPECT_EQ(evaluation.overall.exact, 100);
  EXPECT_EQ(evaluation.overall.total, 2U);
  EXPECT_EQ(evaluation.best->best_exact, 100);
  EXPECT_EQ(evaluation.missing, 0U);
}

TEST(Metrics, ThresholdNeedsNoAnswerScores) {
  const Predictions predictions = {{"yes", "cat"}, {"no", "dog"}};
  EXPECT_EQ(evaluate_squad(make_squad20(), predictions, nullptr, -1).overall.exact, 50);
  const NoAnswerScores scores = {{"yes", 0.5}, {"no", 0.6}};
  EXPECT_EQ(evaluate_squad(make_squad20(), predictions, &scores, 0.5).overall.exact, 100);
  EXPECT_EQ(evaluate_squad(make_squad20(), predictions, &scores, 0.6).overall.exact, 50);
  EXPECT_EQ(evaluate_squad(make_squad20(), predictions, &scores, 0.4).overall.exact, 50);
}

TEST(Metrics, InfiniteNoAnswerScoresAreSure) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const NoAnswerScores scores = {{"no", kInfinity}, {"yes", -kInfinity}};
  const auto evaluation =
      evaluate_squad(make_squad20(), {{"yes", "cat"}, {"no", "dog"}}, &scores, 0);
  EXPECT_EQ(evaluation.overall.exact, 100);
  EXPECT_EQ(evaluation.best->best_exact_threshold, -kInfinity);
}

TEST(Metrics, RefusesNoAnswerScoresThatDoNotFit) {
  const Predictions predictions = {{"yes", "cat"}, {"no", ""}};
  const auto evaluate = [&](const NoAnswerScores& scores) {
    return [&] { (void)evaluate_squad(make_squad20(), predictions, &scores); };
  };
  test::expect_error(ErrorCode::kInvalidArgument, "question no: expected one, found none",
                     evaluate({{"yes", 0.5}}));
  test::expect_error(ErrorCode::kInvalidArgument, "question no: expected one, found two",
                     evaluate({{"yes", 0.5}, {"no", 0.5}, {"no", 0.5}}));
  test::expect_error(ErrorCode::kInvalidArgument, "question no: expected a number, found NaN",
                     evaluate({{"yes", 0.5}, {"no", std::nan("")}}));
}

TEST(Metrics, RefusesDatasetsThatCannotBeScored) {
  test::expect_error(ErrorCode::kInvalidArgument, "expected at least one question",
                     [] { (void)evaluate_squad({}, {}); });
  const SquadDataset without_gold = make_dataset({make_question("q", {})});
  test::expect_error(ErrorCode::kInvalidArgument,
                     "question q: expected at least one gold answer to compare with, found none (a "
                     "question without an answer is marked \"is_impossible\": true)",
                     [&] {
                       (void)evaluate_squad(without_gold, {{"q", "cat"}});
                     });
  EXPECT_EQ(evaluate_squad(without_gold, {}).missing, 1U);
}

TEST(Metrics, RefusesPredictionsThatAreNotUtf8) {
  test::expect_error(ErrorCode::kInvalidArgument, "UTF-8", [] {
    (void)evaluate_squad(make_squad20(), {{"yes", "\xFF"}});
  });
}

constexpr const char* kDev11 = "data/squad/dev-v1.1.json";
constexpr const char* kDev20 = "data/squad/dev-v2.0-reconstructed.json";
constexpr const char* kPrototype = "models/squad-mini-prototype/predictions.json";

TEST(MetricsOnSquad, PrototypePredictionsScoreAsTheOfficialScript11) {
  DEFORMER_REQUIRE_SHARED(kDev11);
  DEFORMER_REQUIRE_SHARED(kPrototype);
  const SquadDataset dataset = load_squad(test::shared_path(kDev11));
  const Predictions predictions = load_predictions(test::shared_path(kPrototype));
  const SquadEvaluation evaluation = evaluate_squad(dataset, predictions);
  expect_score(evaluation.overall, test::load_golden("shared_data.json").at("squad_v1_prototype"));
  EXPECT_EQ(evaluation.missing, 0U);
}

// The rule of rule_predictions() in make_golden_metrics.py.
struct RuleAnswers {
  Predictions predictions;
  NoAnswerScores scores;
};

std::string rule_answer(std::uint32_t hash, const SquadQuestion& question,
                        const std::string& context) {
  const auto piece = [](const std::string& text, auto&& from, std::size_t count) {
    const std::u32string decoded = to_utf32(text);
    return to_utf8(decoded.substr(from(decoded.size()), count));
  };
  std::string gold = question.answers.empty() ? "" : question.answers[0].text;
  switch ((hash >> 20) % 8) {
    case 0:
      return "";
    case 4:
      return "The " + gold + "!";
    case 5:
      return question.question;
    case 6:
      return piece(
          context, [hash](std::size_t size) { return (hash >> 8) % size; }, 25);
    case 7:
      return piece(
          gold, [](std::size_t size) { return size / 2; }, std::string::npos);
    default:
      return gold;
  }
}

RuleAnswers answer_by_rule(const SquadDataset& dataset) {
  RuleAnswers answers;
  const auto answer = [&answers](const SquadQuestion& question, const std::string& context) {
    const std::uint32_t hash = static_cast<std::uint32_t>(answers.scores.size()) * 2654435761U;
    const bool has_gold = !question.answers.empty() && !question.answers[0].text.empty();
    const std::uint32_t score = (hash >> 4) % 40 + (has_gold ? 0 : 20);
    answers.predictions[question.id] = rule_answer(hash, question, context);
    answers.scores.emplace_back(question.id, static_cast<double>(score) / 60);
  };
  for (const SquadArticle& article : dataset.articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      for (const auto& question : paragraph.questions) answer(question, paragraph.context);
    }
  }
  return answers;
}

TEST(MetricsOnSquad, RulePredictionsScoreAsTheOfficialScript20) {
  DEFORMER_REQUIRE_SHARED(kDev20);
  const SquadDataset dataset = load_squad(test::shared_path(kDev20));
  const RuleAnswers answers = answer_by_rule(dataset);
  const json expected = test::load_golden("shared_data.json");
  expect_evaluation(evaluate_squad(dataset, answers.predictions), expected.at("squad_v2_rule"));
  for (const json& result : expected.at("squad_v2_thresholds")) {
    const auto threshold = result.at("threshold").get<double>();
    SCOPED_TRACE(threshold);
    expect_evaluation(evaluate_squad(dataset, answers.predictions, &answers.scores, threshold),
                      result);
  }
}

TEST(MetricsOnSquad, EqualNoAnswerScoresAreTakenInTheOrderGiven) {
  DEFORMER_REQUIRE_SHARED(kDev20);
  const SquadDataset dataset = load_squad(test::shared_path(kDev20));
  RuleAnswers answers = answer_by_rule(dataset);
  std::reverse(answers.scores.begin(), answers.scores.end());
  const json expected = test::load_golden("shared_data.json").at("squad_v2_backwards").at(0);
  expect_evaluation(evaluate_squad(dataset, answers.predictions, &answers.scores, 0.5), expected);
}

}  // namespace
}  // namespace deformer
