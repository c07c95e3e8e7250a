// deformer answer with a SQuAD file or a passage. JSON Lines: jsonl_run_test.cpp.
#include <cmath>
#include <cstring>

#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Python's text[start:end]: code points of valid UTF-8.
std::string slice_code_points(const std::string& text, std::size_t start, std::size_t end) {
  std::string slice;
  std::size_t point = 0;
  for (const char byte : text) {
    if ((byte & 0xC0) != 0x80) ++point;
    if (point > start && point <= end) slice += byte;
  }
  return slice;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& entry : object.items()) names.push_back(entry.key());
  return names;
}

class Answer : public CliTest {
 protected:
  Answer() : model(write_model()), squad(write_json("squad.json", small_squad())) {}

  std::string model;
  std::string squad;
};

TEST_F(Answer, WritesPredictionsInTheOrderOfTheFile) {
  const std::string out = run_ok({"answer", "--model", model, "--squad", squad});
  const Json predictions = Json::parse(out);
  EXPECT_THAT(keys(predictions), ElementsAre("q1", "q2", "q3"));
  const std::string context = small_squad()["data"][0]["paragraphs"][0]["context"];
  EXPECT_THAT(context, HasSubstr(predictions["q1"].get<std::string>()));
  EXPECT_NE(predictions["q1"], "");

  EXPECT_EQ(run_ok({"answer", "--model", model, "--squad", squad, "--output", path("p.json")}), "");
  EXPECT_EQ(read(path("p.json")), out);
}

TEST_F(Answer, GivesTheSameAnswersForEveryInputAndBatchSize) {
  const Json predictions = Json::parse(run_ok({"answer", "--model", model, "--squad", squad}));
  EXPECT_EQ(
      Json::parse(run_ok({"answer", "--model", model, "--squad", squad, "--batch-tokens", "1"})),
      predictions);
  const Json paragraph = small_squad()["data"][0]["paragraphs"][0];
  const std::string context = paragraph["context"];
  const std::string question = paragraph["qas"][1]["question"];
  const auto lines =
      json_lines(run_ok({"answer", "--model", model, "--passage", write("passage.txt", context),
                         "--question", question, "--json"}));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["question"], question);
  EXPECT_EQ(lines[0]["answers"][0]["text"], predictions["q2"]);
}

TEST_F(Answer, PrecisionAutoSaysWhatItTakes) {
  const ProcessResult found =
      run({"answer", "--model", model, "--squad", squad, "--precision", "auto"});
  ASSERT_EQ(found.status, 0) << found.err;
  constexpr const char* kNote = "precision auto: ";
  const std::size_t begin = found.err.find(kNote);
  ASSERT_NE(begin, std::string::npos) << found.err;
  const std::string note = found.err.substr(begin + std::strlen(kNote));
  const std::string taken = note.substr(0, note.find(' '));
  EXPECT_THAT(taken, AnyOf("fp32", "bf16", "int8"));
  EXPECT_THAT(note, HasSubstr(" is the fastest one here"));
  EXPECT_EQ(run_ok({"answer", "--model", model, "--squad", squad, "--precision", taken}),
            found.out);
}

TEST_F(Answer, OffsetsCountCodePointsAndBytes) {
  const std::string text =
      "Zo\u00eb \u2014 the caf\u00e9 by the \u0416 river \U0001F600 was na\u00efve.";
  const std::string passage = write("passage.txt", text);
  const auto lines = json_lines(run_ok({"answer", "--model", model, "--passage", passage,
                                        "--question", "who was it?", "--json", "--top-k", "4"}));
  ASSERT_EQ(lines.size(), 1u);
  ASSERT_EQ(lines[0]["answers"].size(), 4u);
  for (const Json& answer : lines[0]["answers"]) {
    const std::size_t begin = answer["byte_start"];
    const std::size_t end = answer["byte_end"];
    EXPECT_EQ(text.substr(begin, end - begin), answer["text"]);
    EXPECT_EQ(slice_code_points(text, answer["start"], answer["end"]), answer["text"]);
  }
}

TEST_F(Answer, NbestHoldsTheBestAnswersBestFirst) {
  const std::string out = run_ok({"answer", "--model", model, "--squad", squad, "--nbest",
                                  path("nbest.json"), "--top-k", "3"});
  const Json predictions = Json::parse(out);
  const Json nbest = read_json(path("nbest.json"));
  EXPECT_THAT(keys(nbest), ElementsAre("q1", "q2", "q3"));
  for (const auto& entry : nbest.items()) {
    const Json& answers = entry.value();
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0]["text"], predictions[entry.key()]);
    const bool same_passage = answers[0]["passage_id"] == nbest["q1"][0]["passage_id"];
    EXPECT_EQ(same_passage, entry.key() != "q3");
    const double score_drop = answers[1]["score"].get<double>() - answers[0]["score"].get<double>();
    EXPECT_LE(score_drop, 0);
    const double ratio =
        answers[1]["probability"].get<double>() / answers[0]["probability"].get<double>();
    EXPECT_NEAR(ratio, std::exp(score_drop), 1e-6);
  }
}

TEST_F(Answer, NbestHoldsMoreThanOneAnswerByDefault) {
  ASSERT_NE(run_ok({"answer", "--model", model, "--squad", squad, "--nbest", path("n.json")}), "");
  const std::size_t answers = read_json(path("n.json"))["q1"].size();
  EXPECT_GT(answers, 3u);
  EXPECT_LE(answers, 20u);
}

TEST_F(Answer, NoAnswerMarginIsTheScaleOfTheThreshold) {
  const std::vector<std::string> base{"answer", "--model", model, "--squad", squad, "--no-answer"};
  auto arguments = base;
  arguments.insert(arguments.end(), {"--na-scores", path("na.json")});
  ASSERT_NE(run_ok(arguments), "");
  const Json margins = read_json(path("na.json"));
  EXPECT_THAT(keys(margins), ElementsAre("q1", "q2", "q3"));
  const double margin = margins["q1"];
  arguments = base;
  arguments.insert(arguments.end(), {"--no-answer-threshold", std::to_string(margin - 0.01)});
  EXPECT_EQ(Json::parse(run_ok(arguments))["q1"], "");
  arguments.back() = std::to_string(margin + 0.01);
  EXPECT_NE(Json::parse(run_ok(arguments))["q1"], "");
}

TEST_F(Answer, AThresholdAloneIsRefused) {
  expect_failure(run({"answer", "--model", model, "--squad", squad, "--no-answer-threshold", "3"}),
                 2, "--no-answer-threshold requires --no-answer");
}

TEST_F(Answer, ALimitOfAPassageIsRefused) {
  expect_failure(
      run({"answer", "--model", model, "--passage", squad, "--question", "who?", "--limit", "1"}),
      2, "--passage excludes --limit");
}

TEST_F(Answer, AnEmptyOrBlankContextHasNoAnswer) {
  const std::string file =
      write_json("empty.json", squad_file({{"", {squad_question("a", "why?", "x")}},
                                           {" \n", {squad_question("b", "why?", "x")}},
                                           {"because", {squad_question("c", "why?", "because")}}}));
  const Json predictions = Json::parse(
      run_ok({"answer", "--model", model, "--squad", file, "--na-scores", path("na.json")}));
  EXPECT_EQ(predictions["a"], "");
  EXPECT_EQ(predictions["b"], "");
  EXPECT_NE(predictions["c"], "");
  EXPECT_EQ(read_json(path("na.json"))["a"], 1e9);
}

TEST_F(Answer, AnEmptyQuestionIsNamedBeforeAnyWork) {
  const std::string file = write_json(
      "empty.json",
      squad_file({{"text",
                   {squad_question("good", "why?", "text"), squad_question("bad", " ", "text")}}}));
  expect_failure(run({"answer", "--model", model, "--squad", file, "--output", path("p.json")}), 2,
                 "empty.json: question bad: expected a question of at least one token, found a "
                 "blank one");
  EXPECT_EQ(listing().count("p.json"), 0u);
}

TEST_F(Answer, LongQuestionsAreCutAndCounted) {
  const std::string short_model = write_model("short", {.max_question_tokens = 12});
  const std::string words = "one two three four five six seven eight nine ten eleven twelve more?";
  const std::string file =
      write_json("long.json", squad_file({{"some text", {squad_question("long", words, "text")}}}));
  const ProcessResult cut = run({"answer", "--model", short_model, "--squad", file});
  EXPECT_EQ(cut.status, 0);
  EXPECT_EQ(cut.err, "deformer: questions cut to 12 tokens (--long-questions): 1 of 1\n");
  expect_failure(
      run({"answer", "--model", short_model, "--squad", file, "--long-questions", "error"}), 2,
      "question long: expected a question of at most 12 tokens, found ");
  EXPECT_NE(run_ok({"answer", "--model", short_model, "--squad", file, "--quiet"}), "");
}

TEST_F(Answer, LimitReadsTheFirstQuestions) {
  const std::vector<std::string> arguments{"answer", "--model", model, "--squad", squad, "--limit"};
  auto two = arguments;
  two.push_back("2");
  EXPECT_THAT(keys(Json::parse(run_ok(two))), ElementsAre("q1", "q2"));
  auto none = arguments;
  none.push_back("0");
  EXPECT_EQ(Json::parse(run_ok(none)), Json::object());
}

TEST_F(Answer, PrintsAnswersForPeople) {
  const std::string out = run_ok({"answer", "--model", model, "--passage", "-", "--question",
                                  "Where is it?", "--question", "When was it?", "--top-k", "2"},
                                 {.input = "It was in the garden at noon.\n"});
  EXPECT_THAT(out, testing::StartsWith("Where is it?\n  "));
  EXPECT_THAT(out, HasSubstr("\nWhen was it?\n  "));
  EXPECT_THAT(out, HasSubstr("probability 0."));
}

TEST_F(Answer, LetsNoAnswerCompeteForPeopleToo) {
  const std::string passage = write("p.txt", "some words to read");
  EXPECT_THAT(run_ok({"answer", "--model", model, "--passage", passage, "--question", "who?",
                      "--no-answer", "--no-answer-threshold", "-1000"}),
              HasSubstr("  (no answer)\n"));
}

TEST_F(Answer, RefusesAnEmptyPassageOrQuestion) {
  const std::string empty = write("empty.txt", std::string());
  const std::string blank = write("blank.txt", " \n\t");
  const std::string good = write("good.txt", "words");
  const auto ask = [&](const std::string& passage, const std::string& question) {
    return run({"answer", "--model", model, "--passage", passage, "--question", question});
  };
  expect_failure(ask(empty, "who?"), 2, "empty.txt: expected a passage, found an empty file");
  expect_failure(ask(blank, "who?"), 2, "blank.txt: expected a passage, found a blank file");
  expect_failure(ask(good, ""), 2, "--question 1: expected a question");
  expect_failure(ask(path("absent.txt"), "who?"), 3, "absent.txt: cannot open");
}

TEST_F(Answer, SeveralAnswersOfAFileNeedAPlace) {
  expect_failure(run({"answer", "--model", model, "--squad", squad, "--top-k", "5"}), 2,
                 "--top-k: expected --nbest FILE");
}

TEST_F(Answer, ShowsProgressOnATerminalOnly) {
  const std::vector<std::string> arguments{"answer", "--model", model, "--squad", squad};
  const ProcessResult shown = run(arguments, {.terminal_errors = true});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.err, HasSubstr("answer [#"));
  EXPECT_THAT(shown.err, HasSubstr("3 of 3 questions"));
  EXPECT_THAT(shown.err, testing::EndsWith("\r\x1b[K")) << "the line is wiped at the end";
  auto quiet = arguments;
  quiet.push_back("--quiet");
  EXPECT_EQ(run(quiet, {.terminal_errors = true}).err, "");
  EXPECT_EQ(run(arguments).err, "");
}

TEST_F(Answer, TimingSaysWhereTheTimeWent) {
  const ProcessResult result =
      run({"answer", "--model", model, "--squad", squad, "--timing", "--quiet"});
  EXPECT_EQ(result.status, 0);
  for (const char* stage : {"tokenise", "read", "lower", "upper", "decode"}) {
    EXPECT_THAT(result.err, HasSubstr(std::string(", ") + stage + " "));
  }
}

TEST_F(Answer, AnAnswerIsWholeWordsUnlessAskedFor) {
  const std::string passage = write("p.txt", "Ren\u00e9e unaffable");
  const auto texts = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{
        "answer", "--model", model, "--passage",           passage, "--question", "who was it?",
        "--json", "--top-k", "100", "--max-answer-tokens", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::set<std::string> found;
    const Json line = Json::parse(run_ok(arguments));
    for (const Json& answer : line["answers"]) found.insert(answer["text"].get<std::string>());
    return found;
  };
  EXPECT_EQ(texts({}), (std::set<std::string>{"Ren\u00e9e", "unaffable"}));
  EXPECT_TRUE(texts({"--no-align-to-words"}).contains("\u00e9"));
}

}  // namespace
}  // namespace deformer::test
