// Requests of one call that fare differently, and calls of any size.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/pair_classifier.h"
#include "deformer/passage_encoder.h"
#include "deformer/span_qa.h"
#include "support/callers_exceptions.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passages.h"

namespace deformer {
namespace {

using std::chrono::hours;
using std::chrono::steady_clock;

// A store whose records can be spoiled, and which counts what is asked at once.
class SpoiledStore : public PassageStore {
 public:
  explicit SpoiledStore(std::shared_ptr<PassageStore> store) : store_(std::move(store)) {}

  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    largest_portion = std::max(largest_portion, ids.size());
    if (on_get) on_get();
    for (const std::string& id : ids) {
      if (id == spoiled) throw Error(fault, "passage \"" + id + "\": spoiled");
    }
    auto found = store_->get(ids);
    for (auto& each : found) {
      if (each && with_nan.contains(each->id)) each = test::with_nan(*each);
    }
    return found;
  }
  void put(std::span<const EncodedPassage> passages) override { store_->put(passages); }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  std::size_t size() const override { return store_->size(); }
  const Fingerprint& fingerprint() const noexcept override { return store_->fingerprint(); }

  std::string spoiled;
  ErrorCode fault = ErrorCode::kCorrupt;
  std::set<std::string> with_nan;
  mutable std::size_t largest_portion = 0;
  std::function<void()> on_get = nullptr;

 private:
  std::shared_ptr<PassageStore> store_;
};

class AnswerEach : public testing::Test {
 protected:
  AnswerEach() {
    test::write_tiny_model(dir_.path());
    model_ = Model::load(dir_.path());
    store_ = std::make_shared<SpoiledStore>(open_passage_store("memory:", model_->fingerprint()));
    const std::vector<Passage> passages{test::kRiver, test::kTown};
    static_cast<void>(PassageEncoder(model_, store_).encode(passages));
  }

  // By request: its best text, or the code of its error.
  struct Seen {
    std::string text;
    std::optional<ErrorCode> error;
    std::string message;
  };
  [[nodiscard]] std::vector<Seen> ask(const std::vector<QaRequest>& requests,
                                      const BatchOptions& batches = {}) const {
    std::vector<std::optional<Seen>> seen(requests.size());
    SpanQa(model_, store_)
        .answer_each(
            requests,
            [&](std::size_t request, Outcome<QaResult>&& outcome) {
              EXPECT_FALSE(seen.at(request).has_value()) << "twice";
              if (const Error* const error = outcome.error()) {
                seen[request] = Seen{"", error->code(), error->what()};
              } else {
                EXPECT_EQ(outcome.value().id, requests[request].id);
                seen[request] = Seen{outcome.value().answers.front().text, {}, ""};
              }
            },
            {}, batches);
    std::vector<Seen> all;
    for (const auto& each : seen) all.push_back(each.value());
    return all;
  }

  [[nodiscard]] std::string expected(const std::string& question, const Passage& passage) const {
    const std::vector<QaRequest> request{{.question = question, .passages = {passage}}};
    return SpanQa(model_).answer(request).front().answers.front().text;
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  std::shared_ptr<SpoiledStore> store_;
};

TEST_F(AnswerEach, ARequestAtFaultLeavesTheOthersAlone) {
  const std::vector<QaRequest> requests{
      {"good", "Who moved?", {test::kTown}},
      {"blank", " ", {test::kTown}},
      {"nowhere", "Who moved?", {}},
      {"unknown", "Who moved?", {{"no such", ""}}},
      {"half known", "Who moved?", {{"river", ""}, {"no such", ""}}},
      {.id = "options",
       .question = "Who?",
       .passages = {test::kTown},
       .options = AnswerOptions{.top_k = 0}},
      {"stored", "When did it rise?", {{"river", ""}}},
  };
  for (const std::size_t batch_tokens : {std::size_t{1}, std::size_t{4096}}) {
    const auto seen = ask(requests, {.batch_tokens = batch_tokens});
    EXPECT_EQ(seen[0].text, expected("Who moved?", test::kTown));
    EXPECT_EQ(seen[1].error, ErrorCode::kInvalidArgument);
    EXPECT_NE(seen[1].message.find("\"blank\": question"), std::string::npos) << seen[1].message;
    EXPECT_EQ(seen[2].error, ErrorCode::kInvalidArgument);
    EXPECT_EQ(seen[3].error, ErrorCode::kNotFound);
    EXPECT_EQ(seen[4].error, ErrorCode::kNotFound);
    EXPECT_EQ(seen[5].error, ErrorCode::kInvalidArgument);
    EXPECT_EQ(seen[6].text, expected("When did it rise?", test::kRiver));
  }
}

TEST_F(AnswerEach, ADamagedRecordConcernsThoseWhoAskAboutIt) {
  store_->spoiled = "town";
  const auto seen = ask({{"a", "Who moved?", {{"town", ""}}},
                         {"b", "When did it rise?", {{"river", ""}}},
                         {"c", "Who moved?", {{"river", ""}, {"town", ""}}}});
  EXPECT_EQ(seen[0].error, ErrorCode::kCorrupt);
  EXPECT_EQ(seen[1].text, expected("When did it rise?", test::kRiver));
  EXPECT_EQ(seen[2].error, ErrorCode::kCorrupt);
}

// What decoding finds comes while a batch is computed, which others share.
TEST_F(AnswerEach, StatesThatAreNoNumbersConcernThoseWhoAskAboutThem) {
  const std::vector<QaRequest> requests{{"a", "Who moved?", {{"town", ""}}},
                                        {"b", "When did it rise?", {{"river", ""}}},
                                        {"c", "Who moved?", {{"river", ""}, {"town", ""}}},
                                        {"d", "Who?", {{"square", test::kTown.text}}}};
  const std::string when = expected("When did it rise?", test::kRiver);
  const std::string who = expected("Who?", test::kTown);
  for (const std::size_t batch_tokens : {std::size_t{1}, std::size_t{4096}}) {
    store_->with_nan = {"town"};
    const auto one = ask(requests, {.batch_tokens = batch_tokens});
    EXPECT_EQ(one[0].error, ErrorCode::kCorrupt);
    EXPECT_NE(one[0].message.find("passage \"town\": "), std::string::npos) << one[0].message;
    EXPECT_EQ(one[1].text, when) << one[1].message;
    EXPECT_EQ(one[2].error, ErrorCode::kCorrupt);
    EXPECT_EQ(one[3].text, who) << one[3].message;
    store_->with_nan = {"river", "town"};
    const auto two = ask(requests, {.batch_tokens = batch_tokens});
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(two[i].error, ErrorCode::kCorrupt) << i;
    EXPECT_NE(two[1].message.find("passage \"river\": "), std::string::npos) << two[1].message;
    EXPECT_EQ(two[3].text, who) << two[3].message;
  }
}

TEST_F(AnswerEach, AStoreThatIsGoneIsTheErrorOfAllWhoNeedIt) {
  store_->spoiled = "town";
  store_->fault = ErrorCode::kIo;
  const auto seen = ask({{"a", "Who moved?", {{"town", ""}}}, {"b", " ", {test::kRiver}}});
  EXPECT_EQ(seen[0].error, ErrorCode::kIo);
  EXPECT_EQ(seen[1].error, ErrorCode::kInvalidArgument);
}

TEST_F(AnswerEach, ARequestHasItsOwnOptions) {
  std::vector<QaRequest> requests(2, {.question = "When did it rise?", .passages = {test::kRiver}});
  requests[0].options = AnswerOptions{.top_k = 3, .max_answer_tokens = 1};
  requests[1].options = AnswerOptions{.top_k = 2, .max_answer_tokens = 2, .align_to_words = false};
  const auto together = SpanQa(model_).answer(requests, {.top_k = 5});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const AnswerOptions options = *requests[i].options;
    QaRequest plain = requests[i];
    plain.options.reset();
    const auto alone = SpanQa(model_).answer(std::span(&plain, 1), options);
    ASSERT_EQ(together[i].answers.size(), options.top_k);
    for (std::size_t k = 0; k < options.top_k; ++k) {
      EXPECT_EQ(together[i].answers[k].bytes, alone[0].answers[k].bytes);
    }
  }
}

TEST_F(AnswerEach, CancelledAndLateRequestsEndBeforeTheirBatch) {
  std::stop_source stopped;
  stopped.request_stop();
  const auto past = steady_clock::now() - hours(1);
  const auto future = steady_clock::now() + hours(1);
  const std::vector<QaRequest> requests{
      {.id = "a",
       .question = "Who?",
       .passages = {test::kTown},
       .control = {.cancel = stopped.get_token()}},
      {.id = "b", .question = "Who?", .passages = {test::kTown}, .control = {.deadline = past}},
      {.id = "c", .question = "Who?", .passages = {test::kTown}, .control = {.deadline = future}},
  };
  const auto seen = ask(requests);
  EXPECT_EQ(seen[0].error, ErrorCode::kCancelled);
  EXPECT_EQ(seen[1].error, ErrorCode::kTimedOut);
  EXPECT_EQ(seen[2].text, expected("Who?", test::kTown));
}

// The first answer cancels the rest: those of later batches are not computed, those of the same
// one are thrown away.
TEST_F(AnswerEach, CancellingWhileBatchesRunEndsWhatIsNotAnswered) {
  for (const std::size_t batch_tokens : {1, 100'000}) {
    std::stop_source source;
    std::vector<QaRequest> requests;
    for (int i = 0; i < 20; ++i) {
      requests.push_back({.id = std::to_string(i),
                          .question = "Who?",
                          .passages = {test::kTown},
                          .control = {.cancel = source.get_token()}});
    }
    std::size_t answered = 0;
    std::size_t cancelled = 0;
    const auto sink = [&](std::size_t, Outcome<QaResult>&& outcome) {
      if (outcome.ok()) {
        ++answered;
        source.request_stop();
      } else {
        cancelled += outcome.error()->code() == ErrorCode::kCancelled ? 1 : 0;
      }
    };
    SpanQa(model_).answer_each(requests, sink, {}, {.batch_tokens = batch_tokens});
    EXPECT_EQ(answered, 1U) << batch_tokens;
    EXPECT_EQ(cancelled, 19U) << batch_tokens;
  }
}

// What is ready can fill more than a batch and belong to nobody any more: others still wait.
TEST_F(AnswerEach, WindowsOfThoseWhoAreOverHoldNobodyUp) {
  constexpr std::size_t kBatchTokens = 600;
  std::string many_windows;
  for (int i = 0; i < 400; ++i) many_windows += "a b ";
  std::string next_portion;  // too long to be looked up with the others
  while (next_portion.size() < 4'000) next_portion += test::kTown.text + " ";
  const Passage late{"late", next_portion};
  const std::string answer = expected("Who moved?", late);

  const auto failed = ask({{"half known", "Who?", {{"long", many_windows}, {"no such", ""}}},
                           {"late", "Who moved?", {late}}},
                          {.batch_tokens = kBatchTokens});
  EXPECT_EQ(failed[0].error, ErrorCode::kNotFound);
  EXPECT_EQ(failed[1].text, answer);

  std::stop_source source;
  const std::vector<QaRequest> requests{{"first", "Who?", {test::kTown}},
                                        {.id = "given up",
                                         .question = "Who?",
                                         .passages = {{"long", many_windows}},
                                         .control = {.cancel = source.get_token()}},
                                        {"late", "Who moved?", {late}}};
  std::vector<std::string> seen(requests.size());
  SpanQa(model_).answer_each(requests,
                             [&](std::size_t request, Outcome<QaResult>&& outcome) {
                               source.request_stop();
                               seen[request] =
                                   outcome.ok() ? outcome.value().answers.front().text : "none";
                             },
                             {}, {.batch_tokens = kBatchTokens});
  EXPECT_EQ(seen[0], expected("Who?", test::kTown));
  EXPECT_EQ(seen[2], answer);
}

// By its id, and by id and text, a passage is one passage.
TEST_F(AnswerEach, APassageThatIsNamedInTwoWaysCountsOnce) {
  const AnswerOptions options{.top_k = 4};
  const auto answers = [&](const std::vector<Passage>& passages, std::size_t batch_tokens) {
    const std::vector<QaRequest> request{{"", "Who moved?", passages}};
    return SpanQa(model_, store_)
        .answer(request, options, {.batch_tokens = batch_tokens})
        .front()
        .answers;
  };
  const auto once = answers({test::kTown}, 4096);
  for (const std::size_t batch_tokens : {std::size_t{1}, std::size_t{4096}}) {
    for (const auto& passages : {std::vector<Passage>{{test::kTown.id, ""}, test::kTown},
                                 std::vector<Passage>{test::kTown, {test::kTown.id, ""}}}) {
      const auto twice = answers(passages, batch_tokens);
      ASSERT_EQ(twice.size(), once.size());
      for (std::size_t i = 0; i < once.size(); ++i) {
        EXPECT_EQ(twice[i].text, once[i].text);
        EXPECT_NEAR(twice[i].probability, once[i].probability, 1e-4);
      }
    }
    // Another text under the id is another passage.
    const Passage other{test::kTown.id, test::kRiver.text};
    EXPECT_EQ(answers({test::kTown, other}, batch_tokens).size(), 4U);
  }
}

// Equal scores: the order of the request's passages, whoever else asks about them.
TEST_F(AnswerEach, EqualAnswersKeepTheOrderOfTheirPassages) {
  const Passage first{"p1", test::kTown.text};
  const Passage second{"p2", test::kTown.text};
  for (const Scoring scoring : {Scoring::kLogits, Scoring::kWindowProbability}) {
    const std::vector<QaRequest> requests{{"", "Who?", {second}},
                                          {"", "Who moved?", {first, second}}};
    // One pair a batch: the same numbers for the same texts.
    const auto results =
        SpanQa(model_).answer(requests, {.top_k = 2, .scoring = scoring}, {.batch_tokens = 1});
    ASSERT_EQ(results[1].answers.size(), 2U);
    ASSERT_EQ(results[1].answers[0].score, results[1].answers[1].score);
    EXPECT_EQ(results[1].answers[0].passage_id, "p1");
    EXPECT_EQ(results[1].answers[1].passage_id, "p2");
  }
}

// A passage is named twice, and another request has its second name looked up first.
TEST_F(AnswerEach, EqualAnswersKeepTheOrderOfTheFirstNames) {
  const Passage first{"p1", test::kTown.text};
  const Passage second{"p2", test::kTown.text};
  const Passage id_alone{first.id, ""};
  const std::vector<Passage> stored{first, second};
  static_cast<void>(PassageEncoder(model_, store_).encode(stored, {.batch_tokens = 1}));
  const QaRequest ahead{"ahead", "Who?", {id_alone}};
  const QaRequest asked{"asked", "Who moved?", {first, second, id_alone}};
  for (const Scoring scoring : {Scoring::kLogits, Scoring::kWindowProbability}) {
    for (const auto& requests : {std::vector{asked}, std::vector{ahead, asked}}) {
      // One pair a batch: the same numbers for the same texts. Both requests are under way at once.
      const auto results =
          SpanQa(model_, store_)
              .answer(requests, {.top_k = 2, .scoring = scoring}, {.batch_tokens = 4});
      const std::vector<Answer>& answers = results.back().answers;
      ASSERT_EQ(answers.size(), 2U);
      ASSERT_EQ(answers[0].score, answers[1].score);
      EXPECT_EQ(answers[0].passage_id, "p1") << requests.size();
      EXPECT_EQ(answers[1].passage_id, "p2") << requests.size();
    }
  }
}

// Another text under an id is another passage, with a place of its own.
TEST_F(AnswerEach, EqualAnswersOfAnotherTextUnderAnIdKeepItsPlace) {
  const std::vector<QaRequest> requests{
      {"", "Who moved?", {{"town", ""}, {"other", test::kShort}, {"town", test::kShort}}}};
  const auto results = SpanQa(model_, store_).answer(requests, {.top_k = 20}, {.batch_tokens = 1});
  const std::vector<Answer>& answers = results.front().answers;
  const auto equal =
      std::adjacent_find(answers.begin(), answers.end(), [](const Answer& a, const Answer& b) {
        return a.score == b.score && a.bytes == b.bytes && a.text == b.text;
      });
  ASSERT_NE(equal, answers.end());
  EXPECT_EQ(equal->passage_id, "other");
  EXPECT_EQ((equal + 1)->passage_id, "town");
}

// Numbers are all that the tokenizer of a random model knows.
TEST(AnswerEachAlone, APassageThatCannotBeReadLeavesTheOthersAlone) {
  for (const Layout layout : {Layout::kRestart, Layout::kContinue}) {
    const bool restarts = layout == Layout::kRestart;
    const auto model =
        Model::random(test::tiny_model_config({.split_layer = restarts ? 2 : 0, .layout = layout}));
    const std::vector<QaRequest> requests{
        {.id = "a", .question = "3 4", .passages = {{"numbers", "7 8 9"}}},
        {.id = "b", .question = "3 4", .passages = {{"words", "no numbers"}}},
        {.id = "c", .question = "3 4", .passages = {{"more", "10 11"}}}};
    std::vector<std::optional<ErrorCode>> codes(3);
    SpanQa(model).answer_each(requests, [&](std::size_t request, Outcome<QaResult>&& outcome) {
      if (outcome.error() != nullptr) codes[request] = outcome.error()->code();
    });
    EXPECT_EQ(codes[0], std::nullopt);
    EXPECT_EQ(codes[1], ErrorCode::kUnsupported);
    EXPECT_EQ(codes[2], std::nullopt);
  }
}

// What has neither id nor text needs no store.
TEST(AnswerEachAlone, ABlankPassageIsReadWhereTheStoreIsDown) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path(), {.task = "boolq"});
  const auto model = Model::load(dir.path());
  const auto store =
      std::make_shared<SpoiledStore>(open_passage_store("memory:", model->fingerprint()));
  store->spoiled = "gone";
  store->fault = ErrorCode::kIo;
  const std::vector<PairRequest> requests{
      {.id = "a", .question = "is it old", .passage = {"gone", ""}},
      {.id = "b", .question = "is it old", .passage = {}}};
  std::vector<std::optional<ErrorCode>> codes(2);
  PairClassifier(model, store)
      .classify_each(requests, [&](std::size_t request, Outcome<PairResult>&& outcome) {
        if (outcome.error() != nullptr) codes[request] = outcome.error()->code();
      });
  EXPECT_EQ(codes[0], ErrorCode::kIo);
  EXPECT_EQ(codes[1], std::nullopt);
}

// A long text is many batches: those who wait behind it are not to wait for what nobody reads.
TEST_F(AnswerEach, ATextThatNobodyWaitsForAnyMoreIsNotEncoded) {
  std::stop_source source;
  store_->on_get = [&] { source.request_stop(); };
  const std::vector<QaRequest> requests{{.question = "Who?",
                                         .passages = {{"", "the cat sat on the mat"}},
                                         .control = {.cancel = source.get_token()}}};
  std::optional<ErrorCode> code;
  const StageTimes times =
      SpanQa(model_, store_).answer_each(requests, [&](std::size_t, Outcome<QaResult>&& outcome) {
        code = outcome.error()->code();
      });
  EXPECT_EQ(code, ErrorCode::kCancelled);
  EXPECT_EQ(times.lower, 0.0);
}

TEST_F(AnswerEach, TheThresholdOfNoAnswerIsANumber) {
  const std::vector<QaRequest> requests{{.question = "Who?", .passages = {test::kTown}}};
  const AnswerOptions options{.no_answer_threshold = std::numeric_limits<double>::quiet_NaN()};
  test::expect_error(ErrorCode::kInvalidArgument, "no_answer_threshold: expected a number",
                     [&] { static_cast<void>(SpanQa(model_).answer(requests, options)); });
}

// As it was thrown, whatever it is.
template <typename Exception>
class CallersException : public AnswerEach {};
TYPED_TEST_SUITE(CallersException, test::CallersExceptions);

TYPED_TEST(CallersException, EndsTheCallAsItWasThrown) {
  const std::vector<QaRequest> requests(3, {.question = "Who?", .passages = {test::kTown}});
  std::size_t calls = 0;
  const auto sink = [&](std::size_t, Outcome<QaResult>&&) {
    ++calls;
    test::throw_one<TypeParam>();
  };
  EXPECT_THROW(SpanQa(this->model_).answer_each(requests, sink), TypeParam);
  EXPECT_EQ(calls, 1U);
  const auto ignore = [](std::size_t, Outcome<QaResult>&&) {};
  const BatchOptions batches{.progress = [](auto, auto) { test::throw_one<TypeParam>(); }};
  EXPECT_THROW(SpanQa(this->model_).answer_each(requests, ignore, {}, batches), TypeParam);
  const EncodeOptions encode{.progress = [](auto, auto) { test::throw_one<TypeParam>(); }};
  EXPECT_THROW(static_cast<void>(encode_passages(*this->model_, {&test::kTown, 1}, encode)),
               TypeParam);
}

// More questions than are under way at once, each on several passages that all share.
TEST_F(AnswerEach, ResultsDoNotDependOnHowManyRequestsThereAre) {
  const std::vector<std::string> questions{"Who moved?", "When did it rise?", "Where is the mill?"};
  std::vector<QaRequest> requests;
  for (std::size_t i = 0; i < 60; ++i) {
    requests.push_back({std::to_string(i), questions[i % 3], {test::kRiver, test::kTown}});
  }
  std::map<std::string, std::string> alone;
  for (const std::string& question : questions) {
    const std::vector<QaRequest> request{{"", question, {test::kRiver, test::kTown}}};
    alone[question] = SpanQa(model_).answer(request).front().answers.front().text;
  }
  const auto seen = ask(requests, {.batch_tokens = 64});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(seen[i].text, alone.at(requests[i].question)) << i;
  }
}

// A store is asked for fewer passages at once when they turn out to be long.
TEST_F(AnswerEach, LongStoredPassagesAreLookedUpInSmallPortions) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "The people of the town moved their animals. ";
  std::vector<Passage> passages;
  std::vector<QaRequest> requests;
  for (int i = 0; i < 30; ++i) {
    passages.push_back({"long " + std::to_string(i), text});
    requests.push_back({"", "Who moved?", {{passages.back().id, ""}}});
  }
  static_cast<void>(PassageEncoder(model_, store_).encode(passages));
  const std::size_t rows = store_->get({{passages[0].id}}).front()->hidden.rows;
  store_->largest_portion = 0;
  static_cast<void>(ask(requests, {.batch_tokens = rows}));
  EXPECT_LE(store_->largest_portion, 30U);
  std::vector<QaRequest> again(requests.begin() + 10, requests.end());
  store_->largest_portion = 0;
  static_cast<void>(ask(again, {.batch_tokens = 100}));
  EXPECT_LE(store_->largest_portion, 2U);
}

TEST(ClassifyEach, ARequestAtFaultLeavesTheOthersAlone) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path(), {.task = "boolq"});
  const auto model = Model::load(dir.path());
  const std::vector<PairRequest> requests{{"a", "is it old", test::kTown},
                                          {"b", "is it old", {"none", ""}}};
  const PairClassifier classifier(model);
  std::vector<std::optional<ErrorCode>> errors(2);
  classifier.classify_each(requests, [&](std::size_t i, Outcome<PairResult>&& outcome) {
    if (outcome.error() != nullptr) errors[i] = outcome.error()->code();
  });
  EXPECT_FALSE(errors[0].has_value());
  EXPECT_EQ(errors[1], ErrorCode::kNotFound);
}

}  // namespace
}  // namespace deformer
