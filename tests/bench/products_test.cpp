#include "bench/products.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "deformer/model_config.h"

namespace deformer {
namespace {

using testing::ElementsAre;

// Width 2, inner width 3; one lower and two upper layers.
ModelConfig small(int split_layer) {
  ModelConfig config;
  config.vocab_size = 10;
  config.hidden_size = 2;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 1;
  config.intermediate_size = 3;
  config.max_position_embeddings = 512;
  config.split.split_layer = split_layer;
  return config;
}

// FLOPs of rows through query, key, value; and through the output and the feed-forward layer.
double projection(double rows) {
  return 2 * rows * 2 * 6;
}
double rest(double rows) {
  return 2 * rows * 2 * 2 + 2 * rows * 2 * 3 + 2 * rows * 3 * 2;
}
// Scores and their use.
double attention(double queries, double keys) {
  return 2 * (2 * queries * keys * 2);
}

TEST(AnswerProducts, OfAWarmQuestionAreLowerOverItAndUpperOverBoth) {
  const std::vector<QuestionRows> questions{{4, {7}}};
  const double lower = projection(4) + rest(4) + attention(4, 4);
  const double first = projection(11) + rest(11) + attention(11, 11);
  // The head reads the passage's rows and that of [CLS].
  const double last = projection(11) + rest(8) + attention(8, 11);
  EXPECT_DOUBLE_EQ(answer_products(small(1), BenchMode::kWarm, questions).flops(),
                   lower + first + last);
}

TEST(AnswerProducts, OfAProjectedQuestionLeaveOutTheWindowsFirstProjections) {
  const std::vector<QuestionRows> questions{{4, {7, 5}}};
  const double warm = answer_products(small(1), BenchMode::kWarm, questions).flops();
  EXPECT_DOUBLE_EQ(answer_products(small(1), BenchMode::kProjected, questions).flops(),
                   warm - projection(12));
}

TEST(AnswerProducts, OfAColdQuestionAddTheWindowsThroughTheLowerLayers) {
  const std::vector<QuestionRows> questions{{4, {7, 5}}};
  const double warm = answer_products(small(1), BenchMode::kWarm, questions).flops();
  const double encode = projection(12) + rest(12) + attention(7, 7) + attention(5, 5);
  EXPECT_DOUBLE_EQ(answer_products(small(1), BenchMode::kCold, questions).flops(), warm + encode);
}

TEST(AnswerProducts, OfTwoWindowsProjectTheQuestionOnceInTheFirstLayer) {
  const std::vector<QuestionRows> questions{{4, {7, 5}}};
  const double first = projection(4 + 7 + 5) + rest(11 + 9) + attention(11, 11) + attention(9, 9);
  const double middle = projection(20) + rest(20) + attention(11, 11) + attention(9, 9);
  const double last = projection(20) + rest(8 + 6) + attention(8, 11) + attention(6, 9);
  EXPECT_DOUBLE_EQ(answer_products(small(0), BenchMode::kFull, questions).flops(),
                   first + middle + last);
}

// first_pass_rows() of passages whose texts are short: the rows alone decide.
std::set<std::int64_t> rows_of_pass(BenchMode mode, std::span<const QuestionRows> questions,
                                    const PassLimits& limits) {
  const std::vector<std::size_t> text_bytes(questions.size(), 1);
  return first_pass_rows(small(1), mode, questions, text_bytes, limits);
}

// Rows of the question's lower layer, of the windows' (cold), and of the upper ones: projections of
// the first, all of the middle one, those that the head reads of the last.
TEST(FirstPassRows, AreThoseOfTheWholePassWhereItIsNotDealtOut) {
  const std::vector<QuestionRows> questions(4, {27, {293}});
  const auto rows = [&](BenchMode mode, std::size_t threads) {
    return rows_of_pass(mode, questions, {.batch_tokens = 4096, .threads = threads});
  };
  EXPECT_THAT(rows(BenchMode::kWarm, 1), ElementsAre(4 * 27, 4 * 294, 4 * 320));
  // A part of four questions cannot be a third, and 27 rows are too few for a part.
  EXPECT_THAT(rows(BenchMode::kWarm, 3), ElementsAre(4 * 27, 4 * 294, 4 * 320));
  EXPECT_THAT(rows(BenchMode::kWarm, 2), ElementsAre(4 * 27, 2 * 294, 2 * 320));
  EXPECT_THAT(rows(BenchMode::kCold, 2), ElementsAre(4 * 27, 2 * 293, 2 * 294, 2 * 320));
  EXPECT_THAT(rows(BenchMode::kProjected, 2), ElementsAre(2 * 27, 4 * 27, 2 * 294, 2 * 320));
}

TEST(FirstPassRows, AreOfTheWindowsThatFitIntoAPass) {
  const std::vector<QuestionRows> questions{{27, {293, 100}}, {27, {293}}};
  const auto rows = [&](std::size_t batch_tokens, std::size_t threads) {
    return rows_of_pass(BenchMode::kWarm, questions,
                        {.batch_tokens = batch_tokens, .threads = threads});
  };
  EXPECT_THAT(rows(800, 1), ElementsAre(2 * 27, 294 + 101 + 294, 27 + 393 + 320, 320 + 127 + 320));
  EXPECT_THAT(rows(700, 1), ElementsAre(27, 294 + 101, 27 + 393, 320 + 127));
  EXPECT_THAT(rows(100, 1), ElementsAre(27, 294, 320));
}

// Passages are encoded in batches of their own, where questions take no room: 832 tokens are one
// pair and two windows.
TEST(FirstPassRows, OfColdPassagesAreOfTheWindowsThatFitWithoutQuestions) {
  const std::vector<QuestionRows> questions{{27, {400}}, {27, {400}}, {27, {100}}, {27, {100}}};
  const auto rows = [&](BenchMode mode, std::size_t batch_tokens, std::size_t threads) {
    return rows_of_pass(mode, questions, {.batch_tokens = batch_tokens, .threads = threads});
  };
  EXPECT_THAT(rows(BenchMode::kWarm, 832, 1), ElementsAre(27, 401, 427));
  EXPECT_THAT(rows(BenchMode::kCold, 832, 1), ElementsAre(27, 401, 427, 800));
  EXPECT_THAT(rows(BenchMode::kCold, 832, 2), ElementsAre(27, 400, 401, 427));
  EXPECT_THAT(rows(BenchMode::kCold, 899, 1), ElementsAre(2 * 27, 800, 2 * 401, 2 * 427));
  EXPECT_THAT(rows(BenchMode::kCold, 100, 1), ElementsAre(27, 400, 401, 427));
}

// Passages are encoded that were looked up at once: 64, with four bytes a token of the batch.
TEST(FirstPassRows, OfColdPassagesAreOfThoseThatAreLookedUpAtOnce) {
  const PassLimits limits{.batch_tokens = 1000, .threads = 1};
  const auto rows = [&](std::size_t passages, std::size_t text_bytes) {
    const std::vector<QuestionRows> questions(passages, {3, {7}});
    const std::vector<std::size_t> bytes(passages, text_bytes);
    return first_pass_rows(small(1), BenchMode::kCold, questions, bytes, limits);
  };
  using testing::Contains;
  using testing::Not;
  EXPECT_THAT(rows(70, 30), Contains(64 * 7));
  EXPECT_THAT(rows(70, 30), Not(Contains(70 * 7)));
  EXPECT_THAT(rows(5, 1000), Contains(4 * 7));
  EXPECT_THAT(rows(5, 1001), Contains(3 * 7));
  EXPECT_THAT(rows(5, 5000), Contains(7));
}

// estimate_flops() is the paper's count; what is computed is less only by the last layer's rows.
TEST(AnswerProducts, StayJustBelowThePapersCount) {
  const std::vector<QuestionRows> questions{{27, {293}}};
  ModelConfig config = published_model_config("bert-base");
  const double warm = answer_products(config, BenchMode::kWarm, questions).flops();
  const double counted = question_flops(config, BenchMode::kWarm, questions.front());
  EXPECT_LT(warm, counted);
  EXPECT_GT(warm, 0.97 * counted);
}

}  // namespace
}  // namespace deformer
