#include "task/answer_collector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "task/passage_source.h"

namespace deformer {
namespace {

// Two-byte and four-byte characters: bytes and code points differ.
ReadyPassage umlauts() {
  EncodedPassage passage;
  passage.id = "p";
  passage.text = "\xC3\xA4 \xF0\x9F\x98\x80 bc";  // ä 😀 bc
  passage.spans = {{0, 2}, {3, 7}, {8, 10}};
  passage.windows = {{0, 3}};
  ReadyPassage ready;
  ready.encoded = std::make_shared<const EncodedPassage>(std::move(passage));
  return ready;
}

// Without alignment to words.
DecodedSpans spans_of(std::vector<SpanCandidate> best) {
  const std::vector<ByteSpan> tokens = umlauts().encoded->spans;
  double sum = 0;
  for (SpanCandidate& span : best) {
    span.bytes = {tokens[span.first].begin, tokens[span.last].end};
    sum += std::exp(span.score);
  }
  return {std::move(best), std::log(sum)};
}

TEST(AnswerCollector, CutsTextAndCountsBytesAndCodePoints) {
  AnswerCollector collector;
  const AnswerOptions options;
  collector.add(umlauts(), 0, spans_of({{1, 2, 4.0}}), -3.0, options);
  const QaResult result = collector.finish(options);
  ASSERT_EQ(result.answers.size(), 1U);
  const Answer& answer = result.answers[0];
  EXPECT_EQ(answer.text, "\xF0\x9F\x98\x80 bc");
  EXPECT_EQ(answer.passage_id, "p");
  EXPECT_EQ(answer.bytes, (ByteSpan{3, 10}));
  EXPECT_EQ(answer.start, 2);
  EXPECT_EQ(answer.end, 6);
  EXPECT_EQ(answer.score, 4.0);
  EXPECT_NEAR(answer.probability, 1.0, 1e-12);
  EXPECT_EQ(result.no_answer_score, -3.0);
}

TEST(AnswerCollector, RanksAcrossPassagesWhateverTheirOrder) {
  const AnswerOptions options{.top_k = 3};
  const ReadyPassage passage = umlauts();
  AnswerCollector collector;
  collector.add(passage, 1, spans_of({{0, 0, 2.0}, {1, 1, 1.0}}), 0.5, options);
  collector.add(passage, 0, spans_of({{2, 2, 3.0}, {1, 1, 2.0}}), -0.5, options);
  const QaResult result = collector.finish(options);
  ASSERT_EQ(result.answers.size(), 3U);
  EXPECT_EQ(result.answers[0].bytes, (ByteSpan{8, 10}));
  // Equal scores: the request's earlier passage first, though it was added later.
  EXPECT_EQ(result.answers[1].bytes, (ByteSpan{3, 7}));
  EXPECT_EQ(result.answers[2].bytes, (ByteSpan{0, 2}));
  EXPECT_EQ(result.no_answer_score, -0.5);
  const double sum = std::exp(3) + 2 * std::exp(2) + std::exp(1);
  EXPECT_NEAR(result.answers[0].probability, std::exp(3) / sum, 1e-12);
}

TEST(AnswerCollector, NoAnswerWinsOnlyAboveTheThreshold) {
  const auto best_with = [](double threshold) {
    const AnswerOptions options{
        .top_k = 2, .allow_no_answer = true, .no_answer_threshold = threshold};
    AnswerCollector collector;
    collector.add(umlauts(), 0, spans_of({{0, 0, 2.0}}), 3.0, options);
    return collector.finish(options);
  };
  const QaResult none = best_with(0.5);
  ASSERT_EQ(none.answers.size(), 2U);
  EXPECT_TRUE(none.answers[0].no_answer);
  EXPECT_EQ(none.answers[0].text, "");
  EXPECT_NEAR(none.answers[0].probability, std::exp(3) / (std::exp(3) + std::exp(2)), 1e-12);
  const QaResult span = best_with(1.5);
  EXPECT_FALSE(span.answers[0].no_answer);
  EXPECT_TRUE(span.answers[1].no_answer);
}

TEST(AnswerCollector, NoAnswerStaysOutUnlessAllowed) {
  const AnswerOptions options{.top_k = 5};
  AnswerCollector collector;
  collector.add(umlauts(), 0, spans_of({{0, 0, 2.0}}), 30.0, options);
  const QaResult result = collector.finish(options);
  ASSERT_EQ(result.answers.size(), 1U);
  EXPECT_NEAR(result.answers[0].probability, 1.0, 1e-12);
}

TEST(AnswerCollector, HasNoAnswerWithoutATokenAnywhere) {
  const AnswerOptions options{.allow_no_answer = true};
  AnswerCollector collector;
  collector.add(umlauts(), 0, {{}, -1.0 / 0.0}, 1.0 / 0.0, options);
  const QaResult result = collector.finish(options);
  EXPECT_TRUE(result.answers.empty());
  EXPECT_FALSE(result.no_answer_score.has_value());
}

}  // namespace
}  // namespace deformer
