#include "deformer/predictions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

class PredictionFiles : public testing::Test {
 protected:
  std::filesystem::path file_with(const std::string& text) {
    std::filesystem::path path = directory_ / "answers.json";
    write_file(path, text);
    return path;
  }

  test::TempDir directory_;
};

TEST_F(PredictionFiles, ReadsIdsAndTexts) {
  const auto predictions = load_predictions(
      file_with("\xEF\xBB\xBF{\"q1\": \"24\\u201310\", \"q2\": \"\",\n\"q3\": \"\xC3\xA9\"}"));
  EXPECT_THAT(predictions, UnorderedElementsAre(Pair("q1",
                                                     "24\xE2\x80\x93"
                                                     "10"),
                                                Pair("q2", ""), Pair("q3", "\xC3\xA9")));
}

TEST_F(PredictionFiles, ReadsNoAnswerScoresInTheirOrder) {
  const auto scores =
      load_no_answer_scores(file_with(R"({"z": 0.1, "a": -3, "m": 2, "b": 1e-300, "c": 0.25})"));
  EXPECT_THAT(scores, ElementsAre(Pair("z", 0.1), Pair("a", -3.0), Pair("m", 2.0),
                                  Pair("b", 1e-300), Pair("c", 0.25)));
}

TEST_F(PredictionFiles, ReadsAnEmptyObject) {
  EXPECT_TRUE(load_predictions(file_with("{}")).empty());
  EXPECT_TRUE(load_no_answer_scores(file_with(" { } ")).empty());
}

TEST_F(PredictionFiles, NamesTheIdOfAValueOfAnotherType) {
  const auto expect_found = [this](const std::string& value, const std::string& found) {
    test::expect_error(
        ErrorCode::kCorrupt, "answers.json: \"q2\": expected a string, found " + found,
        [&] { (void)load_predictions(file_with(R"({"q1": "", "q2": )" + value + "}")); });
  };
  expect_found("1", "a number");
  expect_found("-1", "a number");
  expect_found("1.5", "a number");
  expect_found("null", "null");
  expect_found("true", "a boolean");
  expect_found("[\"a\"]", "an array");
  expect_found(R"({"text": "a"})", "an object");
  test::expect_error(ErrorCode::kCorrupt, "\"q\": expected a number, found a string",
                     [&] { (void)load_no_answer_scores(file_with(R"({"q": "0.5"})")); });
}

TEST_F(PredictionFiles, RefusesWhatIsNoObject) {
  for (const char* text : {"[]", "[\"a\"]", "\"text\"", "null", "1"}) {
    test::expect_error(ErrorCode::kCorrupt, "answers.json: expected an object, found ",
                       [&] { (void)load_predictions(file_with(text)); });
    test::expect_error(ErrorCode::kCorrupt, "answers.json: expected an object, found ",
                       [&] { (void)load_no_answer_scores(file_with(text)); });
  }
}

TEST_F(PredictionFiles, RefusesAnIdThatOccursTwice) {
  test::expect_error(ErrorCode::kCorrupt, R"("a\nb": expected one value, found two)",
                     [&] { (void)load_predictions(file_with(R"({"a\nb": "x", "a\nb": "y"})")); });
}

TEST_F(PredictionFiles, NamesLineAndColumnOfBrokenJson) {
  test::expect_error(ErrorCode::kCorrupt, "answers.json: line 2, column 6: broken JSON: ", [&] {
    (void)load_predictions(file_with("{\"a\": \"b\",\n\"c\": }"));
  });
  test::expect_error(ErrorCode::kCorrupt, "line 1, column 1: broken JSON: ", [&] {
    (void)load_predictions(file_with(""));
  });
  test::expect_error(ErrorCode::kCorrupt, "line 1, column 9: broken JSON: ", [&] {
    (void)load_predictions(file_with("{\"a\": \"b\xFF\"}"));
  });
  test::expect_error(ErrorCode::kCorrupt, "line 1, column 7: broken JSON: ", [&] {
    (void)load_no_answer_scores(file_with("{\"a\": NaN}"));
  });
  test::expect_error(ErrorCode::kCorrupt, "line 1, column 11: expected numbers of at most 1.8e308",
                     [&] { (void)load_no_answer_scores(file_with("{\"a\": 1e999}")); });
}

TEST_F(PredictionFiles, NamesAnAbsentFile) {
  test::expect_error(ErrorCode::kNotFound, "absent.json: cannot open",
                     [&] { (void)load_predictions(directory_ / "absent.json"); });
}

TEST_F(PredictionFiles, WritesInOrderAndUnescaped) {
  const PredictionList predictions = {{"z",
                                       "24\xE2\x80\x93"
                                       "10"},
                                      {"a", ""},
                                      {"m", "say \"hi\"\\\n\x01/"}};
  write_predictions(directory_ / "out.json", predictions);
  EXPECT_EQ(read_file(directory_ / "out.json"),
            "{\n  \"z\": \"24\xE2\x80\x93"
            "10\",\n  \"a\": \"\",\n"
            "  \"m\": \"say \\\"hi\\\"\\\\\\n\\u0001/\"\n}\n");
  const Predictions read = load_predictions(directory_ / "out.json");
  EXPECT_EQ(read, Predictions(predictions.begin(), predictions.end()));
}

TEST_F(PredictionFiles, WritesAnEmptyObject) {
  EXPECT_EQ(format_predictions({}), "{}\n");
  EXPECT_EQ(format_no_answer_scores({}), "{}\n");
}

TEST_F(PredictionFiles, NoAnswerScoresReadBackAsTheSameDoubles) {
  const NoAnswerScores scores = {{"a", 0.1},
                                 {"b", 1.0 / 3},
                                 {"c", -0.0},
                                 {"d", std::numeric_limits<double>::denorm_min()},
                                 {"e", std::numeric_limits<double>::max()},
                                 {"f", 5},
                                 {"g", 0.1 + 0.2}};
  write_no_answer_scores(directory_ / "out.json", scores);
  EXPECT_EQ(load_no_answer_scores(directory_ / "out.json"), scores);
}

TEST_F(PredictionFiles, RefusesWhatJsonCannotHoldAndKeepsTheOldFile) {
  const auto path = file_with("old");
  test::expect_error(ErrorCode::kInvalidArgument, "\"q\": expected UTF-8", [&] {
    write_predictions(path, {{"q", "\xFF"}});
  });
  test::expect_error(ErrorCode::kInvalidArgument, "expected UTF-8", [&] {
    write_predictions(path, {{"\xFF", "a"}});
  });
  test::expect_error(ErrorCode::kInvalidArgument, "\"q\": expected one value, found two", [&] {
    write_predictions(path, {{"q", "a"}, {"q", "b"}});
  });
  test::expect_error(ErrorCode::kInvalidArgument, "\"q\": expected a finite no-answer score", [&] {
    write_no_answer_scores(path, {{"q", std::nan("")}});
  });
  EXPECT_EQ(read_file(path), "old");
}

}  // namespace
}  // namespace deformer
