#include "deformer/multiple_choice.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "deformer/dataset.h"
#include "deformer/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passages.h"

namespace deformer {
namespace {

const Passage kArticle{"article", "The king was old. He lived in a city on the river."};
const Passage kOther{"other", "Nobody knew when it was."};

// Counts what is taken from it.
class CountingStore : public PassageStore {
 public:
  explicit CountingStore(std::shared_ptr<PassageStore> store) : store_(std::move(store)) {}

  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    taken += ids.size();
    return store_->get(ids);
  }
  void put(std::span<const EncodedPassage> passages) override { store_->put(passages); }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  std::size_t size() const override { return store_->size(); }
  const Fingerprint& fingerprint() const noexcept override { return store_->fingerprint(); }

  mutable std::size_t taken = 0;

 private:
  std::shared_ptr<PassageStore> store_;
};

class MultipleChoiceTest : public testing::TestWithParam<std::string> {
 protected:
  MultipleChoiceTest() {
    // Long questions: a cut one would lose its option.
    test::write_tiny_model(dir_.path(), {.architecture = GetParam(),
                                         .positions = 96,
                                         .max_question_tokens = 60,
                                         .task = "race",
                                         .weight_scale = test::kWeightScale});
    model_ = Model::load(dir_.path());
    const auto add = [this](const std::string& question, const std::vector<std::string>& options,
                            const Passage& passage) {
      ChoiceRequest request{
          .id = std::to_string(requests_.size()), .choices = {}, .passage = passage};
      for (const std::string& option : options) {
        request.choices.push_back(fill_option(question, option));
      }
      requests_.push_back(std::move(request));
    };
    add("The king was _ .", {"old", "in a river", "many", "first"}, kArticle);
    add("Where did he live?", {"a city", "the hill", "a mill", "nowhere"}, kArticle);
    add("When was it?", {"first", "how"}, kOther);
  }

  void expect_same(const ChoiceResult& a, const ChoiceResult& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.choice, b.choice);
    ASSERT_EQ(a.logits.size(), b.logits.size());
    for (std::size_t i = 0; i < a.logits.size(); ++i) {
      EXPECT_NEAR(a.logits[i], b.logits[i], test::kTolerance);
    }
  }

  test::TempDir dir_;
  std::shared_ptr<const Model> model_;
  std::vector<ChoiceRequest> requests_;
};

TEST_P(MultipleChoiceTest, ChoosesAmongTheOptionsOfEachQuestion) {
  const auto results = MultipleChoice(model_).choose(requests_);
  ASSERT_EQ(results.size(), 3U);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto& shares = results[i].probabilities;
    ASSERT_EQ(shares.size(), requests_[i].choices.size());
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1.0, 1e-12);
    EXPECT_EQ(results[i].choice, std::max_element(shares.begin(), shares.end()) - shares.begin());
    EXPECT_GT(std::abs(results[i].logits[0] - results[i].logits[1]), 1e-3);
  }
}

TEST_P(MultipleChoiceTest, ABatchEqualsItsSinglesInAnyGrouping) {
  const MultipleChoice choice(model_);
  const auto together = choice.choose(requests_);
  const auto small = choice.choose(requests_, {.batch_tokens = 40});
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    expect_same(together[i], small[i]);
    expect_same(together[i], choice.choose({&requests_[i], 1}).front());
  }
}

TEST_P(MultipleChoiceTest, AnArticleIsTakenOnceForAllItsQuestionsAndOptions) {
  const auto store =
      std::make_shared<CountingStore>(open_passage_store("memory:", model_->fingerprint()));
  const std::vector<Passage> passages{kArticle, kOther};
  EXPECT_EQ(PassageEncoder(model_, store).encode(passages).encoded, 2U);
  store->taken = 0;
  std::vector<ChoiceRequest> by_id = requests_;
  for (ChoiceRequest& request : by_id) request.passage.text.clear();
  const auto stored = MultipleChoice(model_, store).choose(by_id);
  EXPECT_EQ(store->taken, 2U);
  const auto direct = MultipleChoice(model_).choose(requests_);
  for (std::size_t i = 0; i < direct.size(); ++i) expect_same(direct[i], stored[i]);
}

TEST_P(MultipleChoiceTest, ProgressCountsQuestions) {
  std::vector<std::size_t> seen;
  static_cast<void>(MultipleChoice(model_).choose(
      requests_, {.batch_tokens = 40, .progress = [&](std::size_t done, std::size_t total) {
                    EXPECT_EQ(total, 3U);
                    seen.push_back(done);
                  }}));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 3U);
}

TEST_P(MultipleChoiceTest, BadRequestsAreNamed) {
  const ChoiceRequest none{.id = "q4", .choices = {}, .passage = kArticle};
  test::expect_error(ErrorCode::kInvalidArgument, "\"q4\": choices: expected at least one", [&] {
    (void)MultipleChoice(model_).choose({&none, 1});
  });
  test::expect_error(ErrorCode::kInvalidArgument, "batch_tokens",
                     [&] { (void)MultipleChoice(model_).choose(requests_, {.batch_tokens = 0}); });
}

INSTANTIATE_TEST_SUITE_P(Architectures, MultipleChoiceTest,
                         testing::Values("bert", "xlnet", "mpnet", "roberta", "distilbert",
                                         "electra", "albert", "deberta-v2"),
                         [](const auto& entry) {
                           std::string name = entry.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(MultipleChoice, RefusesAModelOfAnotherTask) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path(), {.task = "boolq"});
  test::expect_error(ErrorCode::kIncompatible,
                     "model.safetensors: expected a model for choice, found one for classes",
                     [&] { (void)MultipleChoice(Model::load(dir.path())); });
}

}  // namespace
}  // namespace deformer
