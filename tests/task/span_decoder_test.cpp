#include "task/span_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace deformer {
namespace {

// Logits of one window with their own memory.
struct TestWindow {
  Window window;
  std::vector<float> start;
  std::vector<float> end;
};

std::vector<WindowLogits> views(const std::vector<TestWindow>& windows) {
  std::vector<WindowLogits> result;
  for (const TestWindow& window : windows) {
    result.push_back({window.window, window.start, window.end});
  }
  return result;
}

// Each token is a byte of its own.
std::vector<ByteSpan> bytes_of(std::uint32_t tokens) {
  std::vector<ByteSpan> extents;
  for (std::uint32_t i = 0; i < tokens; ++i) extents.push_back({i, i + 1});
  return extents;
}

TestWindow random_window(std::uint32_t first, std::uint32_t count, std::mt19937& random) {
  std::normal_distribution<float> logit(0, 3);
  TestWindow window{{first, count}, {}, {}};
  for (std::uint32_t i = 0; i < count; ++i) {
    window.start.push_back(logit(random));
    window.end.push_back(logit(random));
  }
  return window;
}

// Every candidate of every window, in tie-breaking order.
std::vector<SpanCandidate> all_candidates(const std::vector<TestWindow>& windows,
                                          std::uint32_t longest) {
  std::vector<SpanCandidate> all;
  for (const TestWindow& w : windows) {
    for (std::uint32_t i = 0; i < w.window.num_tokens; ++i) {
      for (std::uint32_t j = i; j < w.window.num_tokens && j - i < longest; ++j) {
        all.push_back({w.window.first_token + i,
                       w.window.first_token + j,
                       double{w.start[i]} + double{w.end[j]},
                       {w.window.first_token + i, w.window.first_token + j + 1}});
      }
    }
  }
  return all;
}

// The best, then the best that shares no byte with it, and so on.
std::vector<SpanCandidate> all_apart(std::vector<SpanCandidate> candidates) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<SpanCandidate> apart;
  for (const SpanCandidate& span : candidates) {
    const bool clash = std::any_of(apart.begin(), apart.end(), [&](const auto& other) {
      return span.bytes.begin < other.bytes.end && other.bytes.begin < span.bytes.end;
    });
    if (!clash) apart.push_back(span);
  }
  return apart;
}

void expect_spans(const std::vector<SpanCandidate>& found,
                  const std::vector<SpanCandidate>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_EQ(found[i].last, expected[i].last);
    EXPECT_EQ(found[i].bytes, expected[i].bytes);
    EXPECT_EQ(found[i].score, expected[i].score);
  }
}

TEST(SpanDecoder, EqualsExhaustiveSearch) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    const std::vector<TestWindow> windows{
        random_window(0, 12, random), random_window(5, 12, random), random_window(10, 9, random)};
    const DecodedSpans decoded = best_spans(views(windows), bytes_of(19), 4, 5);
    std::vector<SpanCandidate> all = all_candidates(windows, 4);
    double sum = 0;
    for (const SpanCandidate& span : all) sum += std::exp(span.score);
    EXPECT_NEAR(decoded.log_sum, std::log(sum), 1e-9);
    std::vector<SpanCandidate> expected = all_apart(std::move(all));
    expected.resize(std::min<std::size_t>(expected.size(), 5));
    expect_spans(decoded.best, expected);
  }
}

// All spans that fit beside one another, of words of several tokens too.
TEST(SpanDecoder, GoesOnUntilNothingIsFree) {
  std::mt19937 random(8);
  for (int round = 0; round < 20; ++round) {
    const std::vector<TestWindow> windows{random_window(0, 30, random),
                                          random_window(10, 30, random)};
    std::vector<ByteSpan> extents = bytes_of(40);
    for (std::size_t i = 0; i + 1 < extents.size(); i += 3) {
      extents[i].end = extents[i + 1].end;
      extents[i + 1].begin = extents[i].begin;
    }
    const DecodedSpans decoded = best_spans(views(windows), extents, 7, 1000);
    std::vector<SpanCandidate> all = all_candidates(windows, 7);
    for (SpanCandidate& span : all) {
      span.bytes = {extents[span.first].begin, extents[span.last].end};
    }
    expect_spans(decoded.best, all_apart(std::move(all)));
  }
}

// Tokens of white space among words of several tokens.
TEST(SpanDecoder, GoesOnAmongBlankTokens) {
  std::mt19937 random(9);
  for (int round = 0; round < 20; ++round) {
    const std::vector<TestWindow> windows{random_window(0, 30, random),
                                          random_window(10, 30, random)};
    std::vector<ByteSpan> extents = bytes_of(40);
    for (std::size_t i = 0; i + 3 < extents.size(); i += 4) {
      extents[i].begin = extents[i].end;
      extents[i + 1].end = extents[i + 2].end;
      extents[i + 2].begin = extents[i + 1].begin;
    }
    std::vector<SpanCandidate> all;
    for (SpanCandidate span : all_candidates(windows, 9)) {
      while (span.bytes.begin < span.bytes.end && span.bytes.begin % 4 == 0) ++span.bytes.begin;
      while (span.bytes.begin < span.bytes.end && (span.bytes.end - 1) % 4 == 0) --span.bytes.end;
      if (span.bytes.begin == span.bytes.end) continue;
      span.bytes = {extents[span.bytes.begin].begin, extents[span.bytes.end - 1].end};
      all.push_back(span);
    }
    expect_spans(best_spans(views(windows), extents, 9, 1000).best, all_apart(std::move(all)));
  }
}

// All ends of all beginnings against all answers would take hundreds of times as long.
TEST(SpanDecoder, LongAnswersCostLittleMoreThanShortOnes) {
  constexpr std::uint32_t kTokens = 3000;
  const TestWindow flat{
      {0, kTokens}, std::vector<float>(kTokens, 1), std::vector<float>(kTokens, 1)};
  const auto ticks = [&](int longest) {
    const std::clock_t begin = std::clock();
    EXPECT_EQ(best_spans(views({flat}), bytes_of(kTokens), longest, 1000).best.size(), 1000U);
    return std::clock() - begin;
  };
  const std::clock_t one_token = ticks(1);
  EXPECT_LT(ticks(kTokens), 40 * one_token);
}

TEST(SpanDecoder, ALongestAnswerOfThirtyMeansThirtyTokens) {
  // The original code allows one token more than its option says (deformer.md 10.1).
  TestWindow window{{0, 40}, std::vector<float>(40, -5), std::vector<float>(40, -5)};
  window.start[0] = 10;
  window.end[29] = 9;
  window.end[30] = 10;
  const DecodedSpans decoded = best_spans(views({window}), bytes_of(40), 30, 1);
  ASSERT_EQ(decoded.best.size(), 1U);
  EXPECT_EQ(decoded.best[0].first, 0U);
  EXPECT_EQ(decoded.best[0].last, 29U);
}

TEST(SpanDecoder, TiesGoToTheEarlierAndShorterSpan) {
  const TestWindow flat{{3, 5}, std::vector<float>(5, 1), std::vector<float>(5, 1)};
  const DecodedSpans decoded = best_spans(views({flat}), bytes_of(8), 30, 2);
  ASSERT_EQ(decoded.best.size(), 2U);
  EXPECT_EQ(decoded.best[0].first, 3U);
  EXPECT_EQ(decoded.best[0].last, 3U);
  EXPECT_EQ(decoded.best[1].first, 4U);
}

TEST(SpanDecoder, ReturnsFewerThanAskedWhenTheTextIsShort) {
  const TestWindow window{{0, 2}, {1, 2}, {1, 2}};
  EXPECT_EQ(best_spans(views({window}), bytes_of(2), 1, 10).best.size(), 2U);
}

// Tokens 1 and 2 are parts of one character, or of one word.
TEST(SpanDecoder, AnswersShareNoByte) {
  const TestWindow window{{0, 4}, {1, 5, 4, 2}, {1, 3, 4, 2}};
  const std::vector<ByteSpan> extents{{0, 1}, {2, 5}, {2, 5}, {6, 7}};
  const DecodedSpans decoded = best_spans(views({window}), extents, 1, 10);
  ASSERT_EQ(decoded.best.size(), 3U);
  EXPECT_EQ(decoded.best[0].first, 1U);
  EXPECT_EQ(decoded.best[0].bytes, (ByteSpan{2, 5}));
  EXPECT_EQ(decoded.best[1].bytes, (ByteSpan{6, 7}));
  EXPECT_EQ(decoded.best[2].bytes, (ByteSpan{0, 1}));
}

TEST(SpanDecoder, NothingComesFromNothing) {
  const DecodedSpans decoded = best_spans({}, {}, 30, 3);
  EXPECT_TRUE(decoded.best.empty());
  EXPECT_EQ(decoded.log_sum, -std::numeric_limits<double>::infinity());
}

TEST(SpanDecoder, LargeLogitsDoNotOverflow) {
  const TestWindow window{{0, 2}, {3000, 2000}, {3000, 2000}};
  EXPECT_NEAR(best_spans(views({window}), bytes_of(2), 2, 1).log_sum, 6000, 1e-6);
}

// The highest start comes after the highest end.
TEST(SpanDecoder, ASumThatLiesFarBelowItsPartsIsFinite) {
  const TestWindow window{{0, 2}, {0, 1000}, {1000, 0}};
  const DecodedSpans decoded = best_spans(views({window}), bytes_of(2), 2, 1);
  EXPECT_NEAR(decoded.log_sum, 1000 + std::log(2.0), 1e-9);
  ASSERT_EQ(decoded.best.size(), 1U);
  EXPECT_EQ(decoded.best[0].score, 1000.0);
  const TestWindow nan{{0, 2}, {0, std::numeric_limits<float>::quiet_NaN()}, {1000, 0}};
  EXPECT_FALSE(std::isfinite(best_spans(views({nan}), bytes_of(2), 2, 1).log_sum));
}

TEST(LogAdd, IsTheLogarithmOfTheSum) {
  EXPECT_NEAR(log_add(std::log(3.0), std::log(5.0)), std::log(8.0), 1e-12);
  const double none = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(log_add(none, 2.0), 2.0);
  EXPECT_EQ(log_add(none, none), none);
}

}  // namespace
}  // namespace deformer
