#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "base/file.h"
#include "deformer/squad.h"
#include "support/expect_error.h"
#include "support/shared_data.h"
#include "support/temp_dir.h"
#include "text/utf8.h"

namespace deformer {
namespace {

class SquadFile : public testing::Test {
 protected:
  SquadDataset load(const std::string& text, SquadUse use = SquadUse::kQuestions) {
    write_file(directory_ / "dev.json", text);
    return load_squad(directory_ / "dev.json", use);
  }

  // A dataset of one paragraph with these questions.
  SquadDataset load_questions(const std::string& questions, SquadUse use = SquadUse::kQuestions) {
    return load(R"({"data": [{"paragraphs": [{"context": "c", "qas": [)" + questions + "]}]}]}",
                use);
  }

  SquadQuestion load_question(const std::string& question) {
    return load_questions(question).articles.at(0).paragraphs.at(0).questions.at(0);
  }

  void expect_refused(const std::string& text, const std::string& message) {
    test::expect_error(ErrorCode::kCorrupt, "dev.json: " + message, [&] { (void)load(text); });
  }

  void expect_question_refused(const std::string& question, const std::string& message,
                               SquadUse use = SquadUse::kQuestions) {
    test::expect_error(ErrorCode::kCorrupt, "dev.json: data[0].paragraphs[0].qas[0]" + message,
                       [&] { (void)load_questions(question, use); });
  }

  test::TempDir directory_;
};

TEST_F(SquadFile, ReadsAllFields) {
  const SquadDataset dataset = load(R"({
    "version": "v2.0", "extra": {"ignored": [1]},
    "data": [{"title": "T", "paragraphs": [
      {"context": "\u00e9 cat", "qas": [
        {"id": "q1", "question": "What?", "is_impossible": false, "plausible_answers": 7,
         "answers": [{"text": "cat", "answer_start": 2}, {"text": "\u00e9", "answer_start": 0}]},
        {"id": "q2", "question": "Who?", "is_impossible": true, "answers": []}]},
      {"context": "", "qas": []}]}]})");
  EXPECT_EQ(dataset.version, "v2.0");
  ASSERT_EQ(dataset.articles.size(), 1U);
  EXPECT_EQ(dataset.articles[0].title, "T");
  ASSERT_EQ(dataset.num_paragraphs(), 2U);
  EXPECT_EQ(dataset.num_questions(), 2U);
  const SquadParagraph& paragraph = dataset.articles[0].paragraphs[0];
  EXPECT_EQ(paragraph.context, "\xC3\xA9 cat");
  const SquadQuestion& question = paragraph.questions[0];
  EXPECT_EQ(question.id, "q1");
  EXPECT_EQ(question.question, "What?");
  ASSERT_EQ(question.answers.size(), 2U);
  EXPECT_EQ(question.answers[0].text, "cat");
  EXPECT_EQ(question.answers[0].start, 2);
  EXPECT_FALSE(question.is_impossible);
  EXPECT_TRUE(paragraph.questions[1].is_impossible);
  EXPECT_TRUE(dataset.has_unanswerable());
}

TEST_F(SquadFile, OptionalFieldsMayBeMissing) {
  const SquadDataset dataset = load_questions(R"({"id": "q", "question": "?"})");
  EXPECT_EQ(dataset.version, "");
  EXPECT_EQ(dataset.articles[0].title, "");
  EXPECT_TRUE(dataset.articles[0].paragraphs[0].questions[0].answers.empty());
  EXPECT_FALSE(dataset.has_unanswerable());
}

TEST_F(SquadFile, AnEmptyDatasetIsADataset) {
  const SquadDataset dataset = load(R"({"data": []})");
  EXPECT_EQ(dataset.num_questions(), 0U);
  EXPECT_EQ(dataset.num_paragraphs(), 0U);
  EXPECT_FALSE(dataset.has_unanswerable());
}

TEST_F(SquadFile, AcceptsAByteOrderMark) {
  EXPECT_EQ(load("\xEF\xBB\xBF{\"data\": []}").num_questions(), 0U);
}

TEST_F(SquadFile, NamesAPageThatAServerSentInItsPlace) {
  expect_refused("<!DOCTYPE html>\n<html></html>\n", "expected the file itself, found a page");
}

TEST_F(SquadFile, NamesLineAndColumnOfBrokenJson) {
  expect_refused("{\"data\": [\n  {\"title\": \"T\",]}", "line 2, column 17: broken JSON: ");
  expect_refused("{\"data\": [", "line 1, column 11: broken JSON: ");
  expect_refused("{\"data\": []} x", "line 1, column 14: broken JSON: ");
  expect_refused("", "line 1, column 1: broken JSON: ");
  expect_refused("\n\n", "line 3, column 1: broken JSON: ");
}

TEST_F(SquadFile, NamesThePlaceOfMalformedUtf8) {
  expect_refused("{\"data\": [],\n\"version\": \"a\xFF\"}", "line 2, column 14: broken JSON: ");
  expect_refused(R"({"version": "\ud800"})", "line 1, column 20: broken JSON: ");
}

TEST_F(SquadFile, NamesAMissingField) {
  expect_refused("{}", "expected a key \"data\", found none");
  expect_refused(R"({"data": [{}]})", "data[0]: expected a key \"paragraphs\", found none");
  expect_refused(R"({"data": [{"paragraphs": [{"qas": []}]}]})",
                 "data[0].paragraphs[0]: expected a key \"context\", found none");
  expect_refused(R"({"data": [{"paragraphs": [{"context": ""}]}]})",
                 "data[0].paragraphs[0]: expected a key \"qas\", found none");
  expect_question_refused(R"({"question": "?"})", ": expected a key \"id\", found none");
  expect_question_refused(R"({"id": "q"})", ": expected a key \"question\", found none");
  expect_question_refused(R"({"id": "q", "question": "?", "answers": [{"answer_start": 0}]})",
                          ".answers[0]: expected a key \"text\", found none");
  expect_question_refused(R"({"id": "q", "question": "?", "answers": [{"text": "a"}]})",
                          ".answers[0]: expected a key \"answer_start\", found none",
                          SquadUse::kTraining);
}

TEST_F(SquadFile, NamesAFieldOfAnotherType) {
  expect_refused("[]", "expected an object, found an array");
  expect_refused(R"({"data": {}})", "data: expected an array, found an object");
  expect_refused(R"({"data": ["x"]})", "data[0]: expected an object, found a string");
  for (const char* id : {"null", "true", "1.5", "12345678901234567890123"}) {
    expect_question_refused(std::string(R"({"question": "?", "id": )") + id + "}",
                            ".id: expected a string or an integer of at most 64 bits, found ");
  }
  expect_question_refused(R"({"id": "q", "question": null})",
                          ".question: expected a string, found null");
  expect_question_refused(R"({"id": "q", "question": "?", "answers": {}})",
                          ".answers: expected a key \"text\", found none");
  expect_question_refused(R"({"id": "q", "question": "?", "answers": "a"})",
                          ".answers: expected an array, found a string");
  expect_question_refused(R"({"id": "q", "question": "?", "is_impossible": "yes"})",
                          ".is_impossible: expected a boolean, found a string");
}

TEST_F(SquadFile, RefusesAnswerStartsThatAreNoOffsets) {
  const auto expect_start_refused = [this](const std::string& start, const std::string& message) {
    expect_question_refused(
        R"({"id": "q", "question": "?", "answers": [{"text": "a", "answer_start": )" + start +
            "}]}",
        ".answers[0].answer_start: expected " + message, SquadUse::kTraining);
  };
  expect_start_refused("-1", "0 or more, found -1");
  expect_start_refused("1.5", "an integer, found a number");
  expect_start_refused("\"1\"", "an integer, found a string");
  expect_start_refused("9223372036854775808", "an integer below 2^63, found 9223372036854775808");
}

TEST_F(SquadFile, DemandsOnlyWhatItsUseNeeds) {
  const SquadDataset odd = load(R"({"version": 1.1, "data": [
    {"title": null, "paragraphs": [{"context": "c", "qas": [{"id": "q", "question": "?"}]}]},
    {"title": 7, "paragraphs": []}]})");
  EXPECT_EQ(odd.version, "1.1");
  EXPECT_EQ(odd.articles[0].title, "");
  EXPECT_EQ(odd.articles[1].title, "7");
  EXPECT_EQ(load(R"({"version": null, "data": []})").version, "");
  EXPECT_TRUE(load_question(R"({"id": "q", "question": "?", "answers": null})").answers.empty());
  for (const char* mark : {"0", "false", "null", "0.0"}) {
    EXPECT_FALSE(
        load_question(std::string(R"({"id": "q", "question": "?", "is_impossible": )") + mark + "}")
            .is_impossible)
        << mark;
  }
  EXPECT_TRUE(load_question(R"({"id": "q", "question": "?", "is_impossible": 1})").is_impossible);
}

TEST_F(SquadFile, AnAnswerNeedsNoPlaceButForTraining) {
  const auto start_of = [this](const std::string& start, SquadUse use) {
    const SquadDataset dataset = load_questions(
        R"({"id": "q", "question": "?", "answers": [{"text": "a")" + start + "}]}", use);
    return dataset.articles[0].paragraphs[0].questions[0].answers.at(0).start;
  };
  for (const SquadUse use : {SquadUse::kQuestions, SquadUse::kTraining}) {
    EXPECT_EQ(start_of(R"(, "answer_start": 0.0)", use), 0);
    EXPECT_EQ(start_of(R"(, "answer_start": 12.0)", use), 12);
  }
  for (const char* start :
       {"", R"(, "answer_start": null)", R"(, "answer_start": -1)", R"(, "answer_start": [])"}) {
    EXPECT_EQ(start_of(start, SquadUse::kQuestions), -1) << start;
  }
}

TEST_F(SquadFile, ScoresNeedIdsAndAnswersAlone) {
  const char* const kQuestion = R"({"id": "q", "answers": [{"text": "a"}]})";
  const std::string question = kQuestion;
  for (const std::string& text :
       {R"({"data": [{"paragraphs": [{"qas": [)" + question + "]}]}]}",
        R"({"data": [)" + question + "]}", question + "\n", question + "\n" + R"({"id": "r"})"}) {
    SCOPED_TRACE(text);
    const SquadDataset dataset = load(text, SquadUse::kScores);
    const SquadQuestion& read = dataset.articles.at(0).paragraphs.at(0).questions.at(0);
    EXPECT_EQ(read.id, "q");
    EXPECT_EQ(read.answers.at(0).text, "a");
    test::expect_error(ErrorCode::kCorrupt,
                       "dev.json: ", [&] { (void)load(text, SquadUse::kQuestions); });
  }
}

TEST_F(SquadFile, PassagesNeedNoQuestions) {
  const SquadDataset dataset =
      load(R"({"data": [{"paragraphs": [{"context": "c"}, {"context": "d", "qas": 5}]},
                        {"context": "e"}]})",
           SquadUse::kPassages);
  EXPECT_EQ(dataset.num_paragraphs(), 3U);
  EXPECT_EQ(dataset.num_questions(), 0U);
}

TEST_F(SquadFile, AnIdMayBeANumber) {
  EXPECT_EQ(load_question(R"({"id": 262, "question": "?"})").id, "262");
  EXPECT_EQ(load_question(R"({"id": 18446744073709551615, "question": "?"})").id,
            "18446744073709551615");
  EXPECT_EQ(load_question(R"({"id": -3, "question": "?"})").id, "-3");
  test::expect_error(
      ErrorCode::kCorrupt, "qas[1].id: expected a new question id, found 262 for the second time",
      [&] {
        (void)load_questions(R"({"id": "262", "question": "?"}, {"id": 262, "question": "!"})");
      });
}

// Published training files have some, and nothing is asked for by its id.
TEST_F(SquadFile, IdsMayOccurTwiceForTraining) {
  const char* const kTwice = R"({"id": "q", "question": "?"}, {"id": "q", "question": "!"})";
  const SquadDataset dataset = load_questions(kTwice, SquadUse::kTraining);
  EXPECT_EQ(dataset.articles[0].paragraphs[0].questions[1].question, "!");
}

constexpr const char* kFlatQuestions[] = {
    R"({"id": "q1", "title": "T", "context": "the cat", "question": "What?", "answers": {"text": ["cat", "the cat"], "answer_start": [4, 0]}})",
    R"({"id": 2, "title": "T", "context": "the cat", "question": "Who?", "answers": {"text": [], "answer_start": []}})",
    R"({"id": "q3", "title": "T", "context": "a dog", "question": "When?", "answers": [{"text": "a", "answer_start": 0}]})",
    R"({"id": "q4", "context": "a dog", "question": "Why?"})"};

void expect_flat_questions(const SquadDataset& dataset) {
  ASSERT_EQ(dataset.articles.size(), 2U);
  EXPECT_EQ(dataset.articles[0].title, "T");
  ASSERT_EQ(dataset.num_paragraphs(), 3U);
  ASSERT_EQ(dataset.num_questions(), 4U);
  const SquadParagraph& first = dataset.articles[0].paragraphs[0];
  EXPECT_EQ(first.context, "the cat");
  ASSERT_EQ(first.questions.size(), 2U);
  EXPECT_EQ(first.questions[0].id, "q1");
  ASSERT_EQ(first.questions[0].answers.size(), 2U);
  EXPECT_EQ(first.questions[0].answers[0].text, "cat");
  EXPECT_EQ(first.questions[0].answers[0].start, 4);
  EXPECT_FALSE(first.questions[0].is_impossible);
  EXPECT_EQ(first.questions[1].id, "2");
  EXPECT_TRUE(first.questions[1].is_impossible);
  EXPECT_EQ(dataset.articles[0].paragraphs[1].questions.at(0).answers.size(), 1U);
  const SquadQuestion& last = dataset.articles[1].paragraphs[0].questions.at(0);
  EXPECT_EQ(last.question, "Why?");
  EXPECT_FALSE(last.is_impossible) << "a file without answers";
}

TEST_F(SquadFile, ReadsHuggingFacesFlatForm) {
  std::string data;
  for (const char* question : kFlatQuestions)
    data += (data.empty() ? "" : ",") + std::string(question);
  expect_flat_questions(load("{\"version\": \"1.1\", \"data\": [" + data + "]}"));
}

TEST_F(SquadFile, ReadsTheFlatFormAsJsonLines) {
  std::string lines = "\xEF\xBB\xBF";
  for (const char* question : kFlatQuestions) lines += std::string(question) + "\r\n\n";
  expect_flat_questions(load(lines));
  EXPECT_EQ(load(kFlatQuestions[0]).num_questions(), 1U) << "a single line";
}

TEST_F(SquadFile, NamesTheLineOfJsonLinesThatBeginBadly) {
  const std::string good = std::string(kFlatQuestions[0]) + "\n";
  EXPECT_EQ(load("\n" + good).num_questions(), 1U);
  expect_refused("\n" + good + "{}", "line 3: expected a key \"context\", found none");
  expect_refused("{\"id\": 1, \"question\": \"?\"}\n" + good,
                 "line 1: expected a key \"context\", found none");
}

TEST_F(SquadFile, NamesTheLineOfBadJsonLines) {
  const std::string good = std::string(kFlatQuestions[0]) + "\n";
  expect_refused(good + "\n{\"context\": \n", "line 3, column 13: broken JSON: ");
  expect_refused(good + "{}", "line 2: expected a key \"context\", found none");
  expect_refused(good + good, "line 2: id: expected a new question id, found \"q1\"");
  test::expect_error(
      ErrorCode::kCorrupt, "line 1: answers.answer_start: expected an element 0, found 0 elements",
      [&] {
        const std::string question =
            R"({"id": 1, "context": "c", "question": "?", "answers": {"text": ["a"], "answer_start": []}})";
        EXPECT_EQ(load(question + "\n" + good).num_questions(), 2U);
        (void)load(question + "\n" + good, SquadUse::kTraining);
      });
}

TEST_F(SquadFile, RefusesAQuestionIdThatOccursTwice) {
  test::expect_error(
      ErrorCode::kCorrupt,
      "data[0].paragraphs[0].qas[1].id: expected a new question id, found \"q\" for the second "
      "time",
      [&] {
        (void)load_questions(R"({"id": "q", "question": "?"}, {"id": "q", "question": "!"})");
      });
}

TEST_F(SquadFile, NamesAFileThatCannotBeRead) {
  test::expect_error(ErrorCode::kNotFound, "absent.json: cannot open",
                     [&] { (void)load_squad(directory_ / "absent.json"); });
  test::expect_error(ErrorCode::kIo, "expected a file, found a directory",
                     [&] { (void)load_squad(directory_.path()); });
}

SquadDataset load_example(const std::string& name) {
  return load_squad(std::filesystem::path(DEFORMER_SOURCE_DIR) / "examples" / name);
}

// The text of the answer's length at the answer's start; empty where the passage ends before it.
std::string_view text_at(const std::string& passage, const SquadAnswer& answer) {
  const CodePointIndex index(passage);
  const auto start = static_cast<std::size_t>(answer.start);
  const std::size_t end = start + count_code_points(answer.text);
  if (end > index.size()) return {};
  const std::size_t first_byte = index.byte_of(start);
  return std::string_view(passage).substr(first_byte, index.byte_of(end) - first_byte);
}

void expect_answers_in_place(const SquadParagraph& paragraph) {
  for (const SquadQuestion& question : paragraph.questions) {
    EXPECT_FALSE(question.answers.empty()) << question.id;
    for (const SquadAnswer& answer : question.answers) {
      EXPECT_EQ(text_at(paragraph.context, answer), answer.text) << question.id;
    }
  }
}

void expect_answers_in_place(const SquadDataset& dataset) {
  for (const SquadArticle& article : dataset.articles) {
    EXPECT_FALSE(article.title.empty());
    for (const SquadParagraph& paragraph : article.paragraphs) expect_answers_in_place(paragraph);
  }
}

void insert_ids(const SquadDataset& dataset, std::set<std::string>& ids) {
  for (const SquadArticle& article : dataset.articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      for (const SquadQuestion& question : paragraph.questions) ids.insert(question.id);
    }
  }
}

TEST(SquadFiles, TheExamplesHaveTheirAnswersInPlaceAndIdsOfTheirOwn) {
  const SquadDataset small = load_example("sample.json");
  const SquadDataset large = load_example("squad-sample.json");
  EXPECT_EQ(small.version, "1.1");
  EXPECT_EQ(large.version, "1.1");
  EXPECT_EQ(large.num_paragraphs(), 21U);
  EXPECT_EQ(large.num_questions(), 112U);
  expect_answers_in_place(small);
  expect_answers_in_place(large);
  std::set<std::string> ids;
  insert_ids(small, ids);
  insert_ids(large, ids);
  EXPECT_EQ(ids.size(), small.num_questions() + large.num_questions());
}

TEST(SquadFiles, TheDevelopmentSetsLoadWhole) {
  DEFORMER_REQUIRE_SHARED("data/squad/dev-v1.1.json");
  DEFORMER_REQUIRE_SHARED("data/squad/dev-v2.0-reconstructed.json");
  const SquadDataset squad11 = load_squad(test::shared_path("data/squad/dev-v1.1.json"));
  EXPECT_EQ(squad11.version, "1.1");
  EXPECT_EQ(squad11.articles.size(), 48U);
  EXPECT_EQ(squad11.num_paragraphs(), 2067U);
  EXPECT_EQ(squad11.num_questions(), 10570U);
  EXPECT_FALSE(squad11.has_unanswerable());
  const SquadDataset squad20 =
      load_squad(test::shared_path("data/squad/dev-v2.0-reconstructed.json"));
  EXPECT_EQ(squad20.articles.size(), 35U);
  EXPECT_EQ(squad20.num_paragraphs(), 1204U);
  EXPECT_EQ(squad20.num_questions(), 11873U);
  EXPECT_TRUE(squad20.has_unanswerable());
}

}  // namespace
}  // namespace deformer
