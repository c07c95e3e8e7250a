// Answers by window. tests/golden/pipeline, which Python's tests read, has what Hugging Face's
// pipeline makes of whole models.
#include "task/window_answers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "task/passage_source.h"

namespace deformer {
namespace {

std::vector<float> random_logits(std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> logit(0, 3);
  std::vector<float> logits(count);
  for (float& value : logits) value = logit(random);
  return logits;
}

std::vector<ByteSpan> letters(std::uint32_t count) {
  std::vector<ByteSpan> extents;
  for (std::uint32_t i = 0; i < count; ++i) extents.push_back({i, i + 1});
  return extents;
}

double probability(const std::vector<float>& logits, float cls, float of) {
  double sum = std::exp(double{cls});
  for (const float logit : logits) sum += std::exp(double{logit});
  return std::exp(double{of}) / sum;
}

TEST(DecodeWindow, EqualsExhaustiveSearch) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    const std::vector<float> start = random_logits(12, random);
    const std::vector<float> end = random_logits(12, random);
    const WindowSpans found =
        decode_window({{{4, 12}, start, end}, 1.5F, -0.5F}, letters(12), 5, 7);
    std::vector<SpanCandidate> all;
    for (std::uint32_t i = 0; i < 12; ++i) {
      for (std::uint32_t j = i; j < std::min<std::uint32_t>(12, i + 5); ++j) {
        all.push_back(
            {4 + i, 4 + j, probability(start, 1.5F, start[i]) * probability(end, -0.5F, end[j])});
      }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.score > b.score; });
    ASSERT_EQ(found.best.size(), 7U);
    for (std::size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(found.best[i].first, all[i].first);
      EXPECT_EQ(found.best[i].last, all[i].last);
      EXPECT_NEAR(found.best[i].score, all[i].score, 1e-12);
      EXPECT_EQ(found.best[i].bytes, (ByteSpan{all[i].first - 4, all[i].last - 3}));
    }
    EXPECT_NEAR(found.no_answer, probability(start, 1.5F, 1.5F) * probability(end, -0.5F, -0.5F),
                1e-12);
  }
}

TEST(DecodeWindow, LargeLogitsAndAnEmptyWindowAreNoTrouble) {
  const std::vector<float> start{2000, -2000};
  const std::vector<float> end{-2000, 2000};
  const WindowSpans found = decode_window({{{0, 2}, start, end}, 0, 0}, letters(2), 2, 3);
  ASSERT_EQ(found.best.size(), 1U);  // all others have probability 0
  EXPECT_EQ(found.best[0].bytes, (ByteSpan{0, 2}));
  EXPECT_EQ(found.best[0].score, 1.0);
  const WindowSpans empty = decode_window({{{0, 0}, {}, {}}, 1, 2}, {}, 2, 3);
  EXPECT_TRUE(empty.best.empty());
  EXPECT_EQ(empty.no_answer, 1.0);
}

ReadyPassage passage_of(const std::string& text) {
  EncodedPassage encoded;
  encoded.id = "p";
  encoded.text = text;
  ReadyPassage passage;
  passage.encoded = std::make_shared<const EncodedPassage>(std::move(encoded));
  return passage;
}

TEST(WindowAnswerCollector, EqualTextsButForCaseAreOneAnswerWithTheSumOfScores) {
  const ReadyPassage passage = passage_of("\xC3\x84pfel und \xC3\xA4pfel");
  WindowAnswerCollector collector;
  collector.begin(0);
  collector.add(passage, {{{0, 0, 0.25, {11, 17}}, {0, 0, 0.125, {7, 10}}}, 0.5});
  collector.add(passage, {{{0, 0, 0.5, {0, 6}}}, 0.0625});
  const QaResult result = collector.finish({.top_k = 5});
  ASSERT_EQ(result.answers.size(), 2U);
  EXPECT_EQ(result.answers[0].text, "\xC3\xA4pfel");  // as it was found first
  EXPECT_EQ(result.answers[0].start, 10);
  EXPECT_EQ(result.answers[0].end, 15);
  EXPECT_EQ(result.answers[0].score, 0.75);
  EXPECT_EQ(result.answers[0].probability, 0.75);
  EXPECT_EQ(result.answers[1].text, "und");
  EXPECT_EQ(result.no_answer_score, 0.0625);  // the lowest
}

// Places in a text are found without a walk from its beginning for each span of each window, which
// would take hundreds of times as long.
TEST(WindowAnswerCollector, TheEndOfALongTextCostsNoMoreThanItsBeginning) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "\xC3\xA4";
  const auto bytes = static_cast<std::uint32_t>(text.size());
  const ReadyPassage passage = passage_of(text);
  const auto ticks_at = [&](std::uint32_t begin) {
    const WindowSpans spans{std::vector<SpanCandidate>(12, {0, 0, 0.125, {begin, begin + 2}}), 0};
    const std::clock_t before = std::clock();
    WindowAnswerCollector collector;
    collector.begin(0);
    for (int window = 0; window < 500; ++window) collector.add(passage, spans);
    const QaResult result = collector.finish({});
    EXPECT_EQ(result.answers.at(0).start, begin / 2);
    EXPECT_EQ(result.answers.at(0).end, begin / 2 + 1);
    return std::clock() - before;
  };
  const std::clock_t at_beginning = ticks_at(0);
  EXPECT_LT(ticks_at(bytes - 2), 20 * at_beginning);
}

TEST(WindowAnswerCollector, AnswersOfTwoPassagesStayTwo) {
  const ReadyPassage passage = passage_of("an ox");
  WindowAnswerCollector collector;
  for (std::size_t i = 0; i < 2; ++i) {
    collector.begin(i);
    collector.add(passage, {{{0, 0, 0.25, {3, 5}}}, 0.5});
  }
  EXPECT_EQ(collector.finish({.top_k = 5}).answers.size(), 2U);
}

TEST(WindowAnswerCollector, EqualScoresKeepTheOrderOfTheirPassages) {
  WindowAnswerCollector collector;
  for (const std::size_t order : {1U, 0U}) {
    collector.begin(order);
    collector.add(passage_of(order == 0 ? "an ox" : "an ax"), {{{0, 0, 0.25, {3, 5}}}, 0.5});
  }
  const QaResult result = collector.finish({.top_k = 1});
  ASSERT_EQ(result.answers.size(), 1U);
  EXPECT_EQ(result.answers[0].text, "ox");
}

TEST(WindowAnswerCollector, NoAnswerCompetesWhereItIsAllowed) {
  const ReadyPassage passage = passage_of("an ox");
  const auto first = [&](bool allowed, double threshold) {
    WindowAnswerCollector collector;
    collector.begin(0);
    collector.add(passage, {{{0, 0, 0.25, {3, 5}}}, 0.5});
    return collector.finish({.allow_no_answer = allowed, .no_answer_threshold = threshold})
        .answers.at(0)
        .no_answer;
  };
  EXPECT_FALSE(first(false, 0));
  EXPECT_TRUE(first(true, 0));
  EXPECT_FALSE(first(true, 0.3));
}

TEST(WindowAnswerCollector, TextThatIsNotUtf8IsComparedAsItIs) {
  const ReadyPassage passage = passage_of("\xFF \xFF");
  WindowAnswerCollector collector;
  collector.begin(0);
  collector.add(passage, {{{0, 0, 0.25, {0, 1}}, {0, 0, 0.125, {2, 3}}}, 0});
  const QaResult result = collector.finish({.top_k = 5});
  ASSERT_EQ(result.answers.size(), 1U);
  EXPECT_EQ(result.answers[0].score, 0.375);
}

}  // namespace
}  // namespace deformer
