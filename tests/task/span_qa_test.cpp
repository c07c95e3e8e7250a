#include "deformer/span_qa.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <thread>

#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passages.h"

namespace deformer {
namespace {

void expect_same(const QaResult& a, const QaResult& b) {
  ASSERT_EQ(a.answers.size(), b.answers.size());
  for (std::size_t i = 0; i < a.answers.size(); ++i) {
    EXPECT_EQ(a.answers[i].text, b.answers[i].text);
    EXPECT_EQ(a.answers[i].passage_id, b.answers[i].passage_id);
    EXPECT_EQ(a.answers[i].bytes, b.answers[i].bytes);
    EXPECT_NEAR(a.answers[i].score, b.answers[i].score, test::kTolerance);
    EXPECT_NEAR(a.answers[i].probability, b.answers[i].probability, test::kTolerance);
  }
  ASSERT_EQ(a.no_answer_score.has_value(), b.no_answer_score.has_value());
  if (a.no_answer_score) {
    EXPECT_NEAR(*a.no_answer_score, *b.no_answer_score, test::kTolerance);
  }
}

struct SpanQaCase {
  std::string architecture = "bert";
  int split_layer = 0;
};

class SpanQaTest : public testing::TestWithParam<SpanQaCase> {
 protected:
  SpanQaTest() {
    test::write_tiny_model(dir_.path(), {.architecture = GetParam().architecture});
    model_ = Model::load(dir_.path(), {.split_layer = GetParam().split_layer});
    for (const char* question : {"When did the river rise?", "Who moved?", "Where is the mill?"}) {
      requests_.push_back({.id = "", .question = question, .passages = {{"long", test::kLong}}});
      requests_.push_back({.id = "", .question = question, .passages = {{"short", test::kShort}}});
      requests_.push_back({.id = "",
                           .question = question,
                           .passages = {{"short", test::kShort}, {"long", test::kLong}}});
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) requests_[i].id = std::to_string(i);
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  std::vector<QaRequest> requests_;
};

TEST_P(SpanQaTest, AnswersAreSlicesOfTheirPassages) {
  const auto results = SpanQa(model_).answer(requests_, {.top_k = 4, .align_to_words = false});
  ASSERT_EQ(results.size(), requests_.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].id, requests_[i].id);
    EXPECT_EQ(results[i].answers.size(), 4U);
    double previous = results[i].answers.front().score;
    for (const Answer& answer : results[i].answers) {
      const std::string& text = answer.passage_id == "short" ? test::kShort : test::kLong;
      EXPECT_EQ(answer.text,
                text.substr(answer.bytes.begin, answer.bytes.end - answer.bytes.begin));
      EXPECT_LE(answer.score, previous);
      EXPECT_GE(answer.probability, 0);
      EXPECT_LE(answer.probability, 1);
      previous = answer.score;
    }
  }
}

TEST_P(SpanQaTest, ABatchEqualsItsSinglesInAnyOrder) {
  const SpanQa qa(model_);
  const auto together = qa.answer(requests_, {.top_k = 3});
  std::vector<std::size_t> order(requests_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::vector<QaRequest> shuffled;
  for (const std::size_t i : order) shuffled.push_back(requests_[i]);
  const auto mixed = qa.answer(shuffled, {.top_k = 3}, {.batch_tokens = 70});
  for (std::size_t i = 0; i < order.size(); ++i) {
    expect_same(together[order[i]], mixed[i]);
    const auto alone = qa.answer(std::span(&requests_[i], 1), {.top_k = 3});
    expect_same(together[i], alone.front());
  }
}

TEST_P(SpanQaTest, TheStoreGivesTheSameAnswers) {
  const auto store = open_passage_store("memory:", model_->fingerprint());
  const std::vector<Passage> passages{{"short", test::kShort}, {"long", test::kLong}};
  static_cast<void>(PassageEncoder(model_, store).encode(passages));
  const auto direct = SpanQa(model_).answer(requests_, {.top_k = 2});
  std::vector<QaRequest> by_id = requests_;
  for (QaRequest& request : by_id) {
    for (Passage& passage : request.passages) passage.text.clear();
  }
  const auto stored = SpanQa(model_, store).answer(by_id, {.top_k = 2});
  for (std::size_t i = 0; i < direct.size(); ++i) expect_same(direct[i], stored[i]);
}

TEST_P(SpanQaTest, ProjectionsInTheStoreGiveTheSameAnswers) {
  const auto direct = SpanQa(model_).answer(requests_, {.top_k = 2});
  const std::vector<Passage> passages{{"short", test::kShort}, {"long", test::kLong}};
  // All passages with projections, and one of them: then a pass over both makes its own.
  for (const std::size_t projected : {2U, 1U}) {
    const auto store = open_passage_store("memory:", model_->fingerprint());
    const PassageEncoder encoder(model_, store);
    static_cast<void>(encoder.encode(std::span(passages).first(projected), {.projections = true}));
    static_cast<void>(encoder.encode(passages));
    EXPECT_EQ(scan_passage_store(*store).passages_with_projections, projected);
    const auto stored = SpanQa(model_, store).answer(requests_, {.top_k = 2});
    for (std::size_t i = 0; i < direct.size(); ++i) expect_same(direct[i], stored[i]);
  }
}

TEST_P(SpanQaTest, AStaleRecordIsNotUsed) {
  const auto store = open_passage_store("memory:", model_->fingerprint());
  const std::vector<Passage> old{{"short", "Something else entirely stood here before."}};
  static_cast<void>(PassageEncoder(model_, store).encode(old));
  const std::vector<QaRequest> request{requests_[1]};
  expect_same(SpanQa(model_, store).answer(request).front(),
              SpanQa(model_).answer(request).front());
}

TEST_P(SpanQaTest, ThreadsShareAModel) {
  const SpanQa qa(model_);
  const auto expected = qa.answer(requests_);
  std::vector<std::vector<QaResult>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] { result = qa.answer(requests_); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) {
    for (std::size_t i = 0; i < expected.size(); ++i) expect_same(expected[i], result[i]);
  }
}

std::string case_name(const testing::TestParamInfo<SpanQaCase>& info) {
  std::string name = info.param.architecture;
  std::erase(name, '-');
  return name + std::to_string(info.param.split_layer);
}

INSTANTIATE_TEST_SUITE_P(Models, SpanQaTest,
                         testing::Values(SpanQaCase{"bert", 0}, SpanQaCase{"bert", 1},
                                         SpanQaCase{"bert", 2}, SpanQaCase{"xlnet", 0},
                                         SpanQaCase{"xlnet", 2}, SpanQaCase{"mpnet", 0},
                                         SpanQaCase{"mpnet", 2}, SpanQaCase{"roberta", 0},
                                         SpanQaCase{"roberta", 2}, SpanQaCase{"distilbert", 2},
                                         SpanQaCase{"electra", 2}, SpanQaCase{"albert", 0},
                                         SpanQaCase{"albert", 2}, SpanQaCase{"deberta-v2", 0},
                                         SpanQaCase{"deberta-v2", 2}),
                         case_name);

class SpanQaOnce : public testing::Test {
 protected:
  SpanQaOnce() {
    test::write_tiny_model(dir_.path());
    model_ = Model::load(dir_.path());
  }

  [[nodiscard]] QaResult ask(QaRequest request, const AnswerOptions& options = {}) const {
    return SpanQa(model_).answer(std::span(&request, 1), options).front();
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

TEST_F(SpanQaOnce, ABlankPassageHasNoAnswer) {
  const QaResult result = ask({.id = "q", .question = "Who?", .passages = {{"blank", " \n"}}});
  EXPECT_TRUE(result.answers.empty());
  EXPECT_FALSE(result.no_answer_score.has_value());
}

TEST_F(SpanQaOnce, ABlankQuestionIsNamed) {
  test::expect_error(
      ErrorCode::kInvalidArgument, "\"q7\": question: expected at least one token", [&] {
        static_cast<void>(
            ask({.id = "q7", .question = " ", .passages = {{"short", test::kShort}}}));
      });
}

TEST_F(SpanQaOnce, ARequestWithoutPassagesIsNamed) {
  test::expect_error(ErrorCode::kInvalidArgument, "request 0: passages: expected at least one",
                     [&] { static_cast<void>(ask({.question = "Who?", .passages = {}})); });
}

TEST_F(SpanQaOnce, AnUnknownPassageIsNamed) {
  test::expect_error(
      ErrorCode::kNotFound, "passage \"p9\": no text was given and there is no store", [&] {
        static_cast<void>(ask({.id = "", .question = "Who?", .passages = {{"p9", ""}}}));
      });
  const auto store = open_passage_store("memory:", model_->fingerprint());
  const std::vector<QaRequest> request{{.id = "", .question = "Who?", .passages = {{"p9", ""}}}};
  test::expect_error(ErrorCode::kNotFound, "the store has no such passage",
                     [&] { static_cast<void>(SpanQa(model_, store).answer(request)); });
}

TEST_F(SpanQaOnce, ALongQuestionIsCutAndSaysSo) {
  // max_question_tokens is 12.
  std::string question = "who";
  for (int i = 0; i < 11; ++i) question += " the";
  const QaResult fits =
      ask({.id = "", .question = question, .passages = {{"short", test::kShort}}});
  EXPECT_FALSE(fits.question_cut);
  const QaResult cut =
      ask({.id = "", .question = question + " river", .passages = {{"short", test::kShort}}});
  EXPECT_TRUE(cut.question_cut);
  expect_same(fits, cut);
}

TEST_F(SpanQaOnce, APassageNamedTwiceCountsOnce) {
  const AnswerOptions options{.top_k = 3};
  expect_same(
      ask({.id = "", .question = "Who?", .passages = {{"s", test::kShort}}}, options),
      ask({.id = "", .question = "Who?", .passages = {{"s", test::kShort}, {"s", test::kShort}}},
          options));
}

TEST_F(SpanQaOnce, AnswersAreAtMostMaxAnswerTokensLong) {
  const QaResult result = ask({.id = "", .question = "Who?", .passages = {{"l", test::kLong}}},
                              {.top_k = 10, .max_answer_tokens = 1, .align_to_words = false});
  const std::vector<ByteSpan> tokens = model_->tokenizer().tokenize(test::kLong).spans;
  EXPECT_EQ(result.answers.size(), 10U);
  for (const Answer& answer : result.answers) {
    EXPECT_NE(std::find(tokens.begin(), tokens.end(), answer.bytes), tokens.end()) << answer.text;
  }
}

// Hangul is cut into several pieces a syllable, an accent is no part of any, and "unaffable" is
// letters.
const std::string kPieces = "Mia lives in \uC11C\uC6B8. Rene\u0301 is unaffable, too.";

class SpanQaOnPieces : public testing::Test {
 protected:
  SpanQaOnPieces() {
    test::write_tiny_model(
        dir_.path(), {.extra_words = {"\u1109", "##\u1165", "##\u110B", "##\u116E", "##\u11AF"}});
    model_ = Model::load(dir_.path());
  }

  // Of single tokens, so that many fall inside words.
  [[nodiscard]] std::vector<Answer> ask(const AnswerOptions& options) const {
    const std::vector<QaRequest> request{{"", "Where does Mia live?", {{"p", kPieces}}}};
    return SpanQa(model_).answer(request, options).front().answers;
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

void expect_disjoint(std::vector<Answer> answers) {
  std::sort(answers.begin(), answers.end(),
            [](const Answer& a, const Answer& b) { return a.bytes.begin < b.bytes.begin; });
  for (std::size_t i = 1; i < answers.size(); ++i) {
    EXPECT_GE(answers[i].bytes.begin, answers[i - 1].bytes.end)
        << answers[i - 1].text << " and " << answers[i].text;
  }
}

TEST_F(SpanQaOnPieces, AnswersAreWholeWords) {
  const auto answers = ask({.top_k = 1000, .max_answer_tokens = 1});
  std::set<std::string> texts;
  for (const Answer& answer : answers) texts.insert(answer.text);
  EXPECT_EQ(texts, (std::set<std::string>{"Mia", "lives", "in", "\uC11C\uC6B8", ".", "Rene\u0301",
                                          "is", "unaffable", ",", "too"}));
  EXPECT_EQ(answers.size(), 11U) << "the full stop is there twice";
  expect_disjoint(answers);
}

TEST_F(SpanQaOnPieces, WithoutAlignmentTheyMayBePartsOfWordsButShareNoCharacter) {
  const auto answers = ask({.top_k = 1000, .max_answer_tokens = 1, .align_to_words = false});
  EXPECT_GT(answers.size(), 20U);
  expect_disjoint(answers);
}

TEST_F(SpanQaOnPieces, AlignmentChangesNoScoreOfTheBestAnswer) {
  const Answer aligned = ask({}).front();
  const Answer raw = ask({.align_to_words = false}).front();
  EXPECT_EQ(aligned.score, raw.score);
  EXPECT_EQ(aligned.probability, raw.probability);
  EXPECT_LE(aligned.bytes.begin, raw.bytes.begin);
  EXPECT_GE(aligned.bytes.end, raw.bytes.end);
}

TEST_F(SpanQaOnPieces, AStoredPassageGivesTheSameWords) {
  const auto store = open_passage_store("memory:", model_->fingerprint());
  const std::vector<Passage> passages{{"p", kPieces}};
  (void)PassageEncoder(model_, store).encode(passages);
  const std::vector<QaRequest> request{{"", "Where does Mia live?", {{"p", ""}}}};
  const auto stored =
      SpanQa(model_, store).answer(request, {.top_k = 1000, .max_answer_tokens = 1});
  const auto direct = ask({.top_k = 1000, .max_answer_tokens = 1});
  ASSERT_EQ(stored.front().answers.size(), direct.size());
}

// A store is asked for 64 passages at a time; a batch holds as many as batch_tokens says.
TEST_F(SpanQaOnce, ABatchGoesOnWithTheNextPassagesThatAreLookedUp) {
  std::vector<QaRequest> requests;
  for (int i = 0; i < 70; ++i) {
    const std::string id = std::to_string(i);
    requests.push_back({id, "Who moved?", {{id, test::kShort}}});
  }
  std::vector<std::size_t> finished;
  const BatchOptions options{
      .batch_tokens = 100'000,
      .progress = [&](std::size_t done, std::size_t) { finished.push_back(done); }};
  const auto results = SpanQa(model_).answer(requests, {}, options);
  EXPECT_EQ(finished, (std::vector<std::size_t>{70}));
  for (std::size_t i = 1; i < results.size(); ++i) {
    EXPECT_EQ(results[i].answers.at(0).text, results[0].answers.at(0).text);
    EXPECT_EQ(results[i].answers.at(0).passage_id, std::to_string(i));
  }
}

TEST_F(SpanQaOnce, OptionsOutOfRangeAreNamed) {
  const QaRequest request{.id = "", .question = "Who?", .passages = {{"l", test::kLong}}};
  test::expect_error(ErrorCode::kInvalidArgument, "top_k",
                     [&] { static_cast<void>(ask(request, {.top_k = 0})); });
  test::expect_error(ErrorCode::kInvalidArgument, "top_k: expected 1 to 1000, found 1001",
                     [&] { static_cast<void>(ask(request, {.top_k = 1001})); });
  test::expect_error(ErrorCode::kInvalidArgument, "batch_tokens", [&] {
    static_cast<void>(SpanQa(model_).answer({&request, 1}, {}, {.batch_tokens = 0}));
  });
  test::expect_error(ErrorCode::kInvalidArgument, "max_answer_tokens",
                     [&] { static_cast<void>(ask(request, {.max_answer_tokens = -1})); });
}

TEST_F(SpanQaOnce, StageTimesAddUp) {
  const std::vector<QaRequest> requests{{.question = "Who?", .passages = {{"l", test::kLong}}}};
  const StageTimes times = SpanQa(model_).answer_each(requests, [](std::size_t, auto&&) {});
  EXPECT_GT(times.tokenize, 0);
  EXPECT_GT(times.lower, 0);
  EXPECT_GT(times.upper, 0);
  EXPECT_GT(times.decode, 0);
}

// Two trainings of the upper layers over the same lower ones share a store.
TEST_F(SpanQaOnce, ProjectionsOfOtherUpperLayersAreNotUsed) {
  const std::vector<QaRequest> request{
      {.id = "", .question = "Who moved?", .passages = {{"long", test::kLong}}}};
  const auto store = open_passage_store("memory:", model_->fingerprint());
  const std::vector<Passage> passages{request[0].passages[0]};
  static_cast<void>(PassageEncoder(model_, store).encode(passages, {.projections = true}));
  // As another model would have put them: its number, and values that would change the answer.
  const std::vector<std::string> ids{"long"};
  EncodedPassage other = *store->get(ids).front();
  ASSERT_EQ(other.projection_hash, model_->projection_hash());
  const auto expected = SpanQa(model_, store).answer(request);
  const std::vector<float> zeros(other.projections.rows * other.projections.hidden_size);
  other.projections.values = std::as_bytes(std::span(zeros));
  const auto put = [&](std::uint64_t projection_hash) {
    other.projection_hash = projection_hash;
    store->put(std::span(&other, 1));
    return SpanQa(model_, store).answer(request).front();
  };
  expect_same(put(model_->projection_hash() + 1), expected.front());
  EXPECT_NE(put(model_->projection_hash()).answers.front().score,
            expected.front().answers.front().score);
}

TEST(SpanQa, RefusesWeightsWithoutASpanHead) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path(), {.span_head = false});
  const auto model = Model::load(dir.path());
  test::expect_error(ErrorCode::kIncompatible, "model.safetensors: expected a span head",
                     [&] { const SpanQa qa(model); });
}

class JointSpanQa : public testing::Test {
 protected:
  JointSpanQa() {
    test::write_tiny_model(dir_.path(), {.ordinary = true});
    model_ = Model::load(dir_.path());
  }

  [[nodiscard]] QaResult ask(const Model& model, const std::string& question,
                             const AnswerOptions& options) const {
    const QaRequest request{.id = "", .question = question, .passages = {{"l", test::kLong}}};
    const std::shared_ptr<const Model> alias(std::shared_ptr<void>(), &model);
    return SpanQa(alias).answer({&request, 1}, options).front();
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
};

// What a question leaves of the sequence is the window of a model with that length.
TEST_F(JointSpanQa, SequenceLengthsMakeWindowsOfWhatTheQuestionLeaves) {
  const int special = 3;
  for (const std::string question : {"Who?", "When did the river rise in the town?"}) {
    const auto tokens = static_cast<int>(model_->tokenizer().tokenize(question).ids.size());
    const int window = 40 - special - tokens;
    const auto fixed = model_->with_lengths(
        {.max_question_tokens = tokens, .window_tokens = window, .window_step = window - 7});
    for (const Scoring scoring : {Scoring::kLogits, Scoring::kWindowProbability}) {
      expect_same(ask(*model_, question,
                      {.top_k = 3,
                       .scoring = scoring,
                       .sequence = SequenceLengths{.sequence_tokens = 40, .overlap_tokens = 7}}),
                  ask(*fixed, question, {.top_k = 3, .scoring = scoring}));
    }
  }
}

TEST_F(JointSpanQa, SequenceLengthsCutAQuestionOnlyWhenTold) {
  const std::string question = "When did the river rise in the town and who moved to the mill?";
  const auto cut = [&](int most) {
    const SequenceLengths lengths{
        .sequence_tokens = 60, .overlap_tokens = 7, .max_question_tokens = most};
    return ask(*model_, question, {.sequence = lengths}).question_cut;
  };
  EXPECT_FALSE(cut(0));
  EXPECT_TRUE(cut(5));
}

TEST_F(JointSpanQa, SequenceLengthsOutOfRangeAreNamed) {
  const auto expect = [&](const SequenceLengths& lengths, const std::string& text) {
    test::expect_error(ErrorCode::kInvalidArgument, text, [&] {
      static_cast<void>(ask(*model_, "Who moved?", {.sequence = lengths}));
    });
  };
  expect({.sequence_tokens = 65, .overlap_tokens = 7},
         "sequence_tokens: expected at most the model's 64 positions, found 65");
  expect({.sequence_tokens = 20, .overlap_tokens = -1}, "overlap_tokens: expected 0 or more");
  // 20 tokens, of which "who moved ?" and three special ones take 6.
  expect({.sequence_tokens = 20, .overlap_tokens = 14},
         "expected one that leaves more than 14 (overlap_tokens) of 20 tokens");
}

TEST_F(JointSpanQa, SequenceLengthsNeedAModelThatStoresNothing) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path());
  const auto decomposed = Model::load(dir.path());
  EXPECT_TRUE(decomposed->can_store_passages());
  EXPECT_FALSE(model_->can_store_passages());
  test::expect_error(ErrorCode::kIncompatible, "windows may depend on the question", [&] {
    static_cast<void>(ask(*decomposed, "Who?", {.sequence = SequenceLengths{}}));
  });
}

TEST(SpanQa, AnOrdinaryCheckpointAnswersInBatchesAsAlone) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path(), {.ordinary = true});
  const auto model = Model::load(dir.path());
  ASSERT_EQ(model->config().split.layout, Layout::kContinue);
  std::vector<QaRequest> requests;
  for (const char* question : {"Who?", "When did the river rise in the town?"}) {
    requests.push_back({.id = "", .question = question, .passages = {{"s", test::kShort}}});
    requests.push_back({.id = "", .question = question, .passages = {{"l", test::kLong}}});
  }
  const SpanQa qa(model);
  const auto together = qa.answer(requests, {.top_k = 2});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(together[i], qa.answer(std::span(&requests[i], 1), {.top_k = 2}).front());
  }
}

}  // namespace
}  // namespace deformer
