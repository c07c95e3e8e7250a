// deformer evaluate. Golden numbers: what the official scorers' rules give
// (scripts/golden, tests/golden/metrics).
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

std::string golden(const std::string& name) {
  return std::string(DEFORMER_SOURCE_DIR) + "/tests/golden/metrics/" + name;
}

class Evaluate : public CliTest {};

TEST_F(Evaluate, GivesTheOfficialNumbersOfVersionOne) {
  const Json expected = read_json(golden("squad_v1_expected.json"));
  const std::vector<std::string> arguments{"evaluate", "--squad", golden("squad_v1.json"),
                                           "--predictions", golden("squad_v1_predictions.json")};
  auto json = arguments;
  json.push_back("--json");
  const Json scores = Json::parse(run_ok(json));
  EXPECT_EQ(scores["exact"], expected["exact"]);
  EXPECT_EQ(scores["f1"], expected["f1"]);
  EXPECT_EQ(scores["total"], expected["total"]);
  EXPECT_FALSE(scores.contains("HasAns_exact"));
  EXPECT_THAT(run_ok(arguments), HasSubstr("all                   28     35.71     39.58\n"));
}

TEST_F(Evaluate, GivesTheOfficialNumbersOfVersionTwo) {
  const Json expected = read_json(golden("squad_v2_expected.json"))["thresholds"][1];
  const std::vector<std::string> arguments{"evaluate",
                                           "--squad",
                                           golden("squad_v2.json"),
                                           "--predictions",
                                           golden("squad_v2_predictions.json"),
                                           "--na-scores",
                                           golden("squad_v2_no_answer_scores.json"),
                                           "--na-threshold",
                                           expected["threshold"].dump()};
  auto json = arguments;
  json.push_back("--json");
  const Json scores = Json::parse(run_ok(json));
  EXPECT_EQ(scores["exact"], expected["overall"]["exact"]);
  EXPECT_EQ(scores["HasAns_f1"], expected["has_answer"]["f1"]);
  EXPECT_EQ(scores["HasAns_total"], expected["has_answer"]["total"]);
  EXPECT_EQ(scores["NoAns_exact"], expected["no_answer"]["exact"]);
  EXPECT_EQ(scores["best_exact"], expected["best"]["exact"]);
  EXPECT_EQ(scores["best_exact_thresh"], expected["best"]["exact_threshold"]);
  EXPECT_EQ(scores["best_f1"], expected["best"]["f1"]);
  EXPECT_EQ(scores["best_f1_thresh"], expected["best"]["f1_threshold"]);
  const std::string table = run_ok(arguments);
  EXPECT_THAT(table, HasSubstr("\nwith answer "));
  EXPECT_THAT(table, HasSubstr("\nno answer "));
  EXPECT_THAT(table, HasSubstr("\nbest exact "));
}

TEST_F(Evaluate, CountsMissingPredictionsAsWrong) {
  const std::string squad = write_json("squad.json", small_squad());
  const std::string predictions = write("p.json", R"({"q1": "The Alps!"})");
  const Json scores =
      Json::parse(run_ok({"evaluate", "--squad", squad, "--predictions", predictions, "--json"}));
  EXPECT_DOUBLE_EQ(scores["exact"], 100.0 / 3);
  EXPECT_EQ(scores["missing"], 2);
  EXPECT_THAT(run_ok({"evaluate", "--squad", squad, "--predictions", predictions}),
              HasSubstr("questions without a prediction, which count as wrong: 2\n"));
}

TEST_F(Evaluate, AModelScoresAsItsPredictionsDo) {
  const std::string model = write_model();
  const std::string squad = write_json("squad.json", small_squad());
  const Json with_model = Json::parse(run_ok(
      {"evaluate", "--squad", squad, "--model", model, "--output", path("p.json"), "--json"}));
  EXPECT_EQ(read(path("p.json")), run_ok({"answer", "--model", model, "--squad", squad}));
  const Json from_file = Json::parse(
      run_ok({"evaluate", "--squad", squad, "--predictions", path("p.json"), "--json"}));
  for (const auto& entry : from_file.items()) {
    EXPECT_EQ(with_model[entry.key()], entry.value()) << entry.key();
  }
  EXPECT_GT(with_model["ms_per_question"], 0);
  EXPECT_GT(with_model["peak_rss_bytes"], 1 << 20);
  EXPECT_THAT(run_ok({"evaluate", "--squad", squad, "--model", model}),
              testing::ContainsRegex("answered 3 questions in [0-9.]+ s, [0-9.]+ ms per question; "
                                     "peak memory [0-9,]+ MiB\n"));
}

// SQuAD 1.1's rules know no threshold: what the threshold hides is wrong.
TEST_F(Evaluate, AModelThatMayAnswerNothingScoresAsItsPredictionsDo) {
  const std::string model = write_model();
  const std::string squad = write_json("squad.json", small_squad());
  for (const char* threshold : {"-1000", "1000"}) {
    const Json with_model = Json::parse(
        run_ok({"evaluate", "--squad", squad, "--model", model, "--no-answer",
                "--no-answer-threshold", threshold, "--output", path("p.json"), "--json"}));
    const Json from_file = Json::parse(
        run_ok({"evaluate", "--squad", squad, "--predictions", path("p.json"), "--json"}));
    EXPECT_EQ(with_model["exact"], from_file["exact"]) << threshold;
    EXPECT_EQ(with_model["f1"], from_file["f1"]) << threshold;
  }
}

// The spans go to the scorer whatever the threshold hides, so that its search can find a better
// one.
TEST_F(Evaluate, TheBestThresholdDoesNotDependOnTheThreshold) {
  const std::string model = write_model();
  const std::string squad = write_json(
      "v2.json", squad_file({{"The Rhine rises in the Alps.",
                              {squad_question("a", "Where does it rise?", "the Alps", 19),
                               squad_question("b", "Who wrote it?", "")}},
                             {"", {squad_question("c", "What is here?", "")}}}));
  const auto scores = [&](const char* threshold) {
    return Json::parse(run_ok({"evaluate", "--squad", squad, "--model", model, "--no-answer",
                               "--no-answer-threshold", threshold, "--json"}));
  };
  const Json never = scores("1e8");
  const Json always = scores("-1e8");
  EXPECT_EQ(never["best_f1"], always["best_f1"]);
  EXPECT_EQ(never["best_f1_thresh"], always["best_f1_thresh"]);
  EXPECT_EQ(always["NoAns_exact"], 100.0);
  EXPECT_EQ(always["HasAns_exact"], 0.0);
  EXPECT_EQ(never["NoAns_exact"], 50.0) << "an empty context has no answer at any threshold";
}

Json squad_with_unanswerable() {
  return squad_file({{"The Rhine rises in the Alps.",
                      {squad_question("a", "Where does it rise?", "the Alps", 19),
                       squad_question("b", "Who wrote it?", ""),
                       squad_question("c", "What rises?", "The Rhine", 0)}},
                     {"The river rose in March, and the king moved to the hill.",
                      {squad_question("d", "When did it rise?", "March", 18),
                       squad_question("e", "Who was queen?", "")}}});
}

// Spans and no-answer scores written by `answer` are scored as the model's own run is.
TEST_F(Evaluate, NoAnswerScoresGoOutToAFileAndComeBack) {
  const std::string model = write_model();
  const std::string squad = write_json("v2.json", squad_with_unanswerable());
  static_cast<void>(run_ok({"answer", "--model", model, "--squad", squad, "--output",
                            path("p.json"), "--na-scores", path("na.json"), "--quiet"}));
  const Json from_files =
      Json::parse(run_ok({"evaluate", "--squad", squad, "--predictions", path("p.json"),
                          "--na-scores", path("na.json"), "--na-threshold", "0.5", "--json"}));
  const Json from_model =
      Json::parse(run_ok({"evaluate", "--squad", squad, "--model", model, "--no-answer",
                          "--no-answer-threshold", "0.5", "--json"}));
  for (const auto& entry : from_files.items()) {
    EXPECT_EQ(from_model[entry.key()], entry.value()) << entry.key();
  }
  // What is answered at a threshold is what the scorer makes of the spans at it.
  static_cast<void>(
      run_ok({"answer", "--model", model, "--squad", squad, "--output", path("at.json"),
              "--no-answer", "--no-answer-threshold", "0.5", "--quiet"}));
  const Json answered = Json::parse(
      run_ok({"evaluate", "--squad", squad, "--predictions", path("at.json"), "--json"}));
  EXPECT_EQ(answered["exact"], from_files["exact"]);
  EXPECT_EQ(answered["NoAns_f1"], from_files["NoAns_f1"]);
}

TEST_F(Evaluate, TunesTheThresholdOnTheFileAndSaysSo) {
  const std::string model = write_model();
  const std::string squad = write_json("v2.json", squad_with_unanswerable());
  const std::vector<std::string> arguments{"evaluate", "--squad", squad,
                                           "--model",  model,     "--tune-threshold"};
  auto json = arguments;
  json.insert(json.end(), {"--json", "--output", path("tuned.json")});
  const Json tuned = Json::parse(run_ok(json));
  // Answering nothing is best here, which no threshold of 0 would do: all margins are negative.
  EXPECT_EQ(tuned["best_f1_thresh"], 0.0);
  EXPECT_LT(tuned["tuned_threshold"], 0.0);
  EXPECT_EQ(tuned["f1"], tuned["best_f1"]);
  EXPECT_THAT(run_ok(arguments), HasSubstr(", tuned on this very file\n"));
  // The predictions are those of the threshold that was printed.
  const Json scored = Json::parse(
      run_ok({"evaluate", "--squad", squad, "--predictions", path("tuned.json"), "--json"}));
  EXPECT_EQ(scored["f1"], tuned["f1"]);
  static_cast<void>(run_ok({"answer", "--model", model, "--squad", squad, "--output",
                            path("p.json"), "--na-scores", path("na.json"), "--quiet"}));
  const Json from_files =
      Json::parse(run_ok({"evaluate", "--squad", squad, "--predictions", path("p.json"),
                          "--na-scores", path("na.json"), "--tune-threshold", "--json"}));
  EXPECT_EQ(from_files["tuned_threshold"], tuned["tuned_threshold"]);
  EXPECT_EQ(from_files["f1"], tuned["f1"]);
}

// The official scorer's numbers at the threshold that its search finds.
TEST_F(Evaluate, ATunedThresholdGivesTheOfficialNumbers) {
  const Json expected = read_json(golden("squad_v2_expected.json"))["thresholds"][0]["best"];
  const Json scores =
      Json::parse(run_ok({"evaluate", "--squad", golden("squad_v2.json"), "--predictions",
                          golden("squad_v2_predictions.json"), "--na-scores",
                          golden("squad_v2_no_answer_scores.json"), "--tune-threshold", "--json"}));
  EXPECT_EQ(scores["tuned_threshold"], expected["f1_threshold"]);
  EXPECT_EQ(scores["best_f1"], expected["f1"]);
}

TEST_F(Evaluate, RefusesToTuneWhereThereIsNothingToTune) {
  const std::string squad = write_json("squad.json", small_squad());
  const std::string model = write_model();
  expect_failure(run({"evaluate", "--squad", squad, "--model", path("absent"), "--tune-threshold"}),
                 2, "--tune-threshold: expected questions without an answer");
  expect_failure(run({"evaluate", "--squad", squad, "--predictions", "p", "--tune-threshold"}), 2,
                 "--tune-threshold: expected --na-scores");
  expect_failure(run({"evaluate", "--squad", squad, "--model", model, "--tune-threshold",
                      "--no-answer", "--no-answer-threshold", "1"}),
                 2, "--tune-threshold");
}

TEST_F(Evaluate, RefusesNoAnswerScoresThatItWouldIgnore) {
  const std::string squad = write_json("v1.json", small_squad());
  const std::string predictions = write("p.json", R"({"q1": "the alps"})");
  const std::string scores = write("na.json", R"({"q1": -3.5})");
  expect_failure(run({"evaluate", "--squad", squad, "--predictions", predictions, "--na-scores",
                      scores, "--na-threshold", "-1000"}),
                 2,
                 "v1.json: --na-scores: expected questions without an answer (SQuAD 2.0), found "
                 "none");
}

// The file decides, not the questions that --limit leaves of it.
TEST_F(Evaluate, TakesNoAnswerScoresWhereTheFirstQuestionsAreAnswerable) {
  const std::string squad = write_json("v2.json", squad_with_unanswerable());
  const std::string predictions = write("p.json", R"({"a": "the Alps", "b": ""})");
  const std::string scores = write("na.json", R"({"a": -3.5, "b": 3.5})");
  static_cast<void>(run_ok({"evaluate", "--squad", squad, "--predictions", predictions,
                            "--na-scores", scores, "--limit", "1"}));
}

TEST_F(Evaluate, NamesTheFileThatLacksANoAnswerScore) {
  const std::string squad = write_json("v2.json", squad_with_unanswerable());
  const std::string predictions = write("p.json", R"({"a": "the Alps", "b": ""})");
  const std::string scores = write("na.json", R"({"a": -3.5})");
  expect_failure(
      run({"evaluate", "--squad", squad, "--predictions", predictions, "--na-scores", scores}), 4,
      scores + ": no-answer score of question b: expected one, found none");
}

// Each says how a model runs or answers, and none does.
TEST_F(Evaluate, RefusesWithPredictionsWhatItWouldIgnore) {
  const std::vector<std::vector<std::string>> ignored{{"--device", "cuda"},
                                                      {"--precision", "int8"},
                                                      {"--weights", "fp16"},
                                                      {"--threads", "1"},
                                                      {"--split-layer", "1"},
                                                      {"--layout", "packed"},
                                                      {"--task", "span"},
                                                      {"--max-answer-tokens", "1"},
                                                      {"--no-align-to-words"},
                                                      {"--batch-tokens", "9"},
                                                      {"--long-questions", "error"},
                                                      {"--no-answer"},
                                                      {"--store", "lmdb:nowhere"},
                                                      {"--timing"}};
  for (const std::vector<std::string>& option : ignored) {
    std::vector<std::string> words{"evaluate", "--squad", golden("squad_v1.json"), "--predictions",
                                   golden("squad_v1_predictions.json")};
    words.insert(words.end(), option.begin(), option.end());
    SCOPED_TRACE(option.front());
    const ProcessResult result = run(words);
    expect_failure(result, 2, option.front());
    EXPECT_THAT(result.err, HasSubstr("--predictions"));
  }
}

TEST_F(Evaluate, StandardOutputHasThePredictionsOrTheScores) {
  const std::vector<std::string> words{
      "evaluate", "--squad", write_json("squad.json", small_squad()), "--model", write_model(),
      "--output", "-"};
  const ProcessResult result = run(words);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(Json::parse(result.out).size(), 3u);
  EXPECT_THAT(result.err, testing::MatchesRegex("deformer: exact [0-9.]+, F1 [0-9.]+ of 3\n"));
  auto json = words;
  json.emplace_back("--json");
  expect_failure(run(json), 2, "--json: expected stdout for the score, found predictions there");
}

TEST_F(Evaluate, ScoresOnlyTheQuestionsOfTheLimit) {
  const std::string squad = write_json("squad.json", small_squad());
  const std::string predictions = write("p.json", R"({"q1": "the alps", "q3": "x"})");
  const Json scores = Json::parse(run_ok(
      {"evaluate", "--squad", squad, "--predictions", predictions, "--limit", "1", "--json"}));
  EXPECT_EQ(scores["exact"], 100.0);
  EXPECT_EQ(scores["total"], 1);
}

TEST_F(Evaluate, RefusesAFileWithoutGoldByItsName) {
  const std::string predictions = write("p.json", R"({"q": "x"})");
  const std::string squad = write(
      "blind.json",
      R"({"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "q", "question": "?", "answers": [], "is_impossible": false}]}]}]})");
  expect_failure(run({"evaluate", "--squad", squad, "--predictions", predictions}), 2,
                 "blind.json: expected gold answers to compare with, found 1 questions without one "
                 "(those that have no answer are marked \"is_impossible\": true)");
  const std::string empty = write("empty.json", R"({"data": []})");
  expect_failure(run({"evaluate", "--squad", empty, "--predictions", predictions}), 2,
                 "empty.json: expected at least one question, found none");
}

TEST_F(Evaluate, ReadsHuggingFacesFlatForm) {
  const std::string squad = write(
      "flat.json",
      R"({"data": [{"id": 262, "context": "a cat", "question": "?", "answers": {"text": ["cat"], "answer_start": [2]}}, {"id": "r", "context": "a cat", "question": "?", "answers": {"text": [], "answer_start": []}}]})");
  const std::string predictions = write("p.json", R"({"262": "cat", "r": "cat"})");
  const Json scores =
      Json::parse(run_ok({"evaluate", "--squad", squad, "--predictions", predictions, "--json"}));
  EXPECT_EQ(scores["exact"], 50.0);
  EXPECT_EQ(scores["NoAns_total"], 1);
}

TEST_F(Evaluate, RefusesBadPredictionFiles) {
  const std::string squad = write_json("squad.json", small_squad());
  const auto evaluate = [&](const std::string& predictions) {
    return run({"evaluate", "--squad", squad, "--predictions", predictions});
  };
  expect_failure(evaluate(path("absent.json")), 3, "absent.json");
  expect_failure(evaluate(write("broken.json", "{\"q1\": \n\"x\",}")), 4,
                 "broken.json: line 2, column");
  expect_failure(evaluate(write("number.json", "{\"q1\": 3}")), 4, "q1");
  expect_failure(run({"evaluate", "--squad", squad}), 2, "expected --predictions or --model");
  expect_failure(run({"evaluate", "--squad", squad, "--predictions", "p", "--model", "m"}), 2,
                 "--model");
}

}  // namespace
}  // namespace deformer::test
