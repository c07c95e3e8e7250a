// deformer answer --jsonl.
#include "cli/cli_fixture.h"

namespace deformer::test {
namespace {

using testing::HasSubstr;

class JsonlRun : public CliTest {
 protected:
  JsonlRun() : model(write_model()) {}

  [[nodiscard]] ProcessResult answer(const std::string& input,
                                     const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"answer", "--model", model, "--jsonl", "-"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, {.input = input});
  }

  // Expects that a single line fails alone.
  void expect_bad_line(const std::string& line, int status, const std::string& text) const {
    SCOPED_TRACE(line);
    expect_failure(answer(line + "\n"), status, "standard input: line 1" + text);
  }

  std::string model;
};

const char* const kGood = R"({"id": "a", "question": "who?", "passage": "somebody did it"})";

TEST_F(JsonlRun, GivesOneLineForEachLineInOrder) {
  const std::string input = std::string(kGood) + "\n\n" +
                            R"({"id": 7, "question": "when?", "passage": "at noon"})" + "\r\n" +
                            R"({"question": "why?", "passage": "no \"id\"", "more": [1]})";
  const ProcessResult result = answer(input);
  EXPECT_EQ(result.status, 0) << result.err;
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["id"], "a");
  EXPECT_EQ(lines[1]["id"], 7);
  EXPECT_FALSE(lines[2].contains("id"));
  for (const Json& line : lines) {
    ASSERT_EQ(line["answers"].size(), 1u);
    EXPECT_THAT(line["answers"][0]["passage_id"].get<std::string>(),
                testing::MatchesRegex("[0-9a-f]{32}"))
        << "the text's content id";
    EXPECT_EQ(line["question_cut"], false);
  }
}

TEST_F(JsonlRun, SearchesSeveralPassages) {
  const ProcessResult result = answer(
      R"({"question": "who?", "passages": [{"id": "x", "text": "first one"}, {"id": "y", "text": ""}, {"id": "z", "text": "the third"}]})"
      "\n",
      {"--top-k", "20"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json answers = json_lines(result.out).at(0)["answers"];
  std::set<std::string> passages;
  for (const Json& answer : answers) passages.insert(answer["passage_id"]);
  EXPECT_EQ(passages, (std::set<std::string>{"x", "z"}));
}

TEST_F(JsonlRun, APassageOfSeveralWithoutAnIdIsKnownByItsText) {
  const auto only_id = [&](const std::string& line) {
    const ProcessResult result = answer(line + "\n");
    EXPECT_EQ(result.status, 0) << result.err;
    return json_lines(result.out).at(0)["answers"][0]["passage_id"];
  };
  const Json id = only_id(R"({"question": "where?", "passages": [{"text": "Basel is a city."}]})");
  EXPECT_EQ(id.get<std::string>().size(), 32u);
  EXPECT_EQ(id, only_id(R"({"question": "where?", "passage": "Basel is a city."})"));
}

TEST_F(JsonlRun, OneIdMayNameAnotherTextInTheNextLine) {
  const std::string first = R"({"question": "who?", "passage_id": "p", "passage": "alpha"})";
  const std::string second = R"({"question": "who?", "passage_id": "p", "passage": "omega"})";
  const ProcessResult result = answer(first + "\n" + second + "\n");
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 2u) << result.err;
  EXPECT_THAT("alpha", HasSubstr(lines[0]["answers"][0]["text"].get<std::string>()));
  EXPECT_THAT("omega", HasSubstr(lines[1]["answers"][0]["text"].get<std::string>()));
  EXPECT_EQ(lines[1]["answers"][0]["passage_id"], "p");
}

TEST_F(JsonlRun, AnswersALineWithoutWaitingForTheNext) {
  Process process(command({"answer", "--model", model, "--jsonl", "-"}));
  for (const char* id : {"1", "2"}) {
    process.write(std::string(R"({"id": )") + id + R"(, "question": "who?", "passage": "me"})" +
                  "\n");
    const auto line = process.read_line(std::chrono::seconds(60));
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(Json::parse(*line)["id"].dump(), id);
  }
  process.close_input();
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(JsonlRun, AnEmptyPassageHasNoAnswer) {
  const ProcessResult result = answer(R"({"question": "who?", "passage": ""})"
                                      "\n"
                                      R"({"question": "who?", "passage": " "})"
                                      "\n",
                                      {"--no-answer"});
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 2u) << result.err;
  EXPECT_EQ(lines[0]["answers"], Json::array());
  EXPECT_EQ(lines[1]["answers"], Json::array());
}

TEST_F(JsonlRun, NoAnswerIsMarked) {
  const ProcessResult result =
      answer(std::string(kGood) + "\n", {"--no-answer", "--no-answer-threshold", "-1000"});
  const Json line = json_lines(result.out).at(0);
  EXPECT_EQ(line["answers"][0]["text"], "");
  EXPECT_EQ(line["answers"][0]["no_answer"], true);
  EXPECT_FALSE(line["answers"][0].contains("start"));
  EXPECT_EQ(line["answers"][0]["score"], line["no_answer_score"]);
}

TEST_F(JsonlRun, ABadLineIsNamedAfterTheLinesBeforeItAreAnswered) {
  const ProcessResult result = answer(std::string(kGood) + "\n{\"question\": \n" + kGood + "\n");
  EXPECT_EQ(result.status, 4);
  EXPECT_EQ(json_lines(result.out).size(), 1u);
  expect_error_line(result.err, "standard input: line 2, column ");
}

TEST_F(JsonlRun, KeepGoingGivesAnErrorLineInPlace) {
  const std::string unknown_passage = R"({"id": "b", "question": "who?", "passage_id": "nowhere"})";
  const std::string empty_question = R"({"id": "c", "question": "", "passage": "x"})";
  const ProcessResult result =
      answer("nonsense\n" + unknown_passage + "\n" + empty_question + "\n" + kGood + "\n",
             {"--keep-going"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "deformer: lines that could not be answered: 3\n");
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0]["line"], 1);
  EXPECT_THAT(lines[0]["error"].get<std::string>(), HasSubstr("broken JSON"));
  EXPECT_EQ(lines[1]["id"], "b");
  EXPECT_THAT(lines[1]["error"].get<std::string>(), HasSubstr("nowhere"));
  EXPECT_EQ(lines[2]["id"], "c");
  EXPECT_THAT(lines[2]["error"].get<std::string>(), HasSubstr("empty one"));
  EXPECT_EQ(lines[3]["id"], "a");
  EXPECT_FALSE(lines[3].contains("error"));
}

TEST_F(JsonlRun, ANumberOutOfRangeIsAFaultOfItsLine) {
  const std::string huge = R"({"id": 5, "question": "who?", "passage": "me", "weight": 1e999})";
  const ProcessResult stopped = answer(std::string(kGood) + "\n" + huge + "\n" + kGood + "\n");
  EXPECT_EQ(stopped.status, 4);
  EXPECT_EQ(json_lines(stopped.out).size(), 1u) << "the lines before it are answered";
  expect_error_line(
      stopped.err,
      "standard input: line 2, column 62: expected numbers of at most 1.8e308, found 1e999");
  const ProcessResult going = answer(huge + "\n" + kGood + "\n", {"--keep-going"});
  EXPECT_EQ(going.status, 0);
  const auto lines = json_lines(going.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["id"], 5);
  EXPECT_TRUE(lines[0].contains("error"));
  EXPECT_EQ(lines[1]["id"], "a");
}

TEST_F(JsonlRun, IdsComeBackAsTheyWereWritten) {
  for (const std::string id :
       {"12345678901234567890123", "1.50", "1E2", "-7", "18446744073709551615",
        R"("18446744073709551615")", R"("\u00e9")"}) {
    const ProcessResult good =
        answer(R"({"id": )" + id + R"(, "question": "who?", "passage": "me"})" + "\n");
    const std::string expected = id == R"("\u00e9")" ? "\"\xC3\xA9\"" : id;
    EXPECT_THAT(good.out, testing::StartsWith("{\"id\":" + expected + ",\"answers\":"));
    const ProcessResult bad = answer(R"({"id": )" + id + ", \"question\": ?}\n", {"--keep-going"});
    EXPECT_THAT(bad.out, testing::StartsWith("{\"id\":" + expected + ",\"line\":1,"));
  }
}

TEST_F(JsonlRun, NullIsAsGoodAsAbsent) {
  const ProcessResult result =
      answer(R"({"id": null, "question": "who?", "passage": "me", "passage_id": null, )"
             R"("passages": null})"
             "\n");
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 1u) << result.err;
  EXPECT_FALSE(lines[0].contains("id"));
  EXPECT_EQ(lines[0]["answers"].size(), 1u);
}

TEST_F(JsonlRun, APassagesIdMayBeANumber) {
  const ProcessResult result =
      answer(R"({"question": "who?", "passage": "me", "passage_id": 262})"
             "\n"
             R"({"question": "who?", "passages": [{"id": 7, "text": "me"}]})"
             "\n");
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 2u) << result.err;
  EXPECT_EQ(lines[0]["answers"][0]["passage_id"], "262");
  EXPECT_EQ(lines[1]["answers"][0]["passage_id"], "7");
}

TEST_F(JsonlRun, ALineThatIsTooLongIsAFaultOfItsOwn) {
  const std::string longest =
      R"({"question": "who?", "passage": ")" + std::string(std::size_t{16} << 20, 'x') + "\"}\n";
  const ProcessResult result = answer(longest + kGood + "\n", {"--keep-going"});
  const auto lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 2u) << result.err;
  EXPECT_THAT(lines[0]["error"].get<std::string>(),
              HasSubstr("line 1: expected at most 16777216 bytes, found more"));
  EXPECT_EQ(lines[1]["id"], "a");
}

TEST_F(JsonlRun, NamesTheLineThatTheLibraryRefuses) {
  const ProcessResult result =
      answer(std::string(kGood) + "\n" + R"({"question": "who?", "passage_id": "nowhere"})" + "\n");
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(json_lines(result.out).size(), 1u);
  expect_error_line(result.err, "standard input: line 2: passage \"nowhere\"");
}

TEST_F(JsonlRun, RefusesBadLinesWithTheirPlace) {
  expect_bad_line("[1]", 4, ": expected an object, found an array");
  expect_bad_line(R"({"passage": "x"})", 4, ": expected a key \"question\", found none");
  expect_bad_line(R"({"question": 3, "passage": "x"})", 4, ": question: expected a string");
  expect_bad_line(R"({"id": [], "question": "q", "passage": "x"})", 4, ": id: expected a string");
  expect_bad_line(R"({"question": "q"})", 2, ": expected either \"passages\"");
  expect_bad_line(R"({"question": "q", "passage": "x", "passages": []})", 2,
                  ": expected either \"passages\" or \"passage\" and \"passage_id\", found both");
  expect_bad_line(R"({"question": "q", "passages": []})", 2, ": passages: expected at least one");
  expect_bad_line(R"({"question": "q", "passages": [{"txt": "x"}]})", 4,
                  ": passages[0]: expected a key \"id\" or \"text\", found none");
  expect_bad_line(R"({"question": "q", "passage": "x", "passage_id": ""})", 2,
                  ": passage_id: expected an id of 1 to 500 bytes, found 0");
  expect_bad_line(
      R"({"question": "q", "passages": [{"id": ")" + std::string(501, 'x') + R"(", "text": "x"}]})",
      2, ": passages[0].id: expected an id of 1 to 500 bytes, found 501");
  expect_bad_line("{\"question\": \"\xff\", \"passage\": \"x\"}", 4, ", column 15: broken JSON");
  expect_bad_line(R"({"question": " ", "passage": "x"})", 2, ": question: expected a question");
}

TEST_F(JsonlRun, WritesAWholeFileOrNone) {
  const std::string output = write("answers.jsonl", "old\n");
  const std::string bad = write("bad.jsonl", std::string(kGood) + "\nnonsense\n");
  const std::string good = write("good.jsonl", std::string(kGood) + "\n");
  const auto answer_file = [&](const std::string& input) {
    return run({"answer", "--model", model, "--jsonl", input, "--output", output});
  };
  const auto names = listing();
  expect_failure(answer_file(bad), 4, "bad.jsonl: line 2");
  EXPECT_EQ(read(output), "old\n");
  EXPECT_EQ(answer_file(good).status, 0);
  EXPECT_EQ(json_lines(read(output)).size(), 1u);
  EXPECT_EQ(listing(), names) << "nothing else is left behind";
}

TEST_F(JsonlRun, LimitReadsTheFirstLines) {
  const ProcessResult result =
      answer(std::string(kGood) + "\n" + kGood + "\nnonsense\n", {"--limit", "2"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(json_lines(result.out).size(), 2u);
}

TEST_F(JsonlRun, AnswersMoreLinesThanOneBatchHolds) {
  std::string input;
  for (int i = 0; i < 600; ++i) {
    input += R"({"id": )" + std::to_string(i) + R"(, "question": "who?", "passage": "me"})" + "\n";
  }
  const auto lines = json_lines(answer(input).out);
  ASSERT_EQ(lines.size(), 600u);
  for (int i = 0; i < 600; ++i) EXPECT_EQ(lines[static_cast<std::size_t>(i)]["id"], i);
}

}  // namespace
}  // namespace deformer::test
