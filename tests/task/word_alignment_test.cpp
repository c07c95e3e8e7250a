// Whole words, whichever tokenizer cuts them: the tiny models' vocabularies cut nearly every word
// into pieces.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "deformer/model.h"
#include "deformer/span_qa.h"

namespace deformer {
namespace {

// Without punctuation, so that words are what stands between spaces. Decomposed Hangul would be
// several characters a syllable, the accent is a character of its own.
const std::string kText =
    "Mia lives in \uC11C\uC6B8 beside Rene\u0301 whose houseboats are unaffable";

std::shared_ptr<const Model> load(const std::string& name) {
  return Model::load(std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests" / "golden" / "models" /
                     name);
}

class WordAlignment : public testing::TestWithParam<const char*> {
 protected:
  // Of single tokens, so that many fall inside words; in the order of the text.
  [[nodiscard]] std::vector<ByteSpan> ask(bool align_to_words) const {
    const auto model = load(GetParam());
    const std::vector<QaRequest> request{{"", "where does Mia live", {{"p", kText}}}};
    const AnswerOptions options{
        .top_k = 1000, .max_answer_tokens = 1, .align_to_words = align_to_words};
    std::vector<ByteSpan> found;
    const std::vector<QaResult> results = SpanQa(model).answer(request, options);
    for (const Answer& answer : results.front().answers) {
      EXPECT_EQ(answer.text,
                kText.substr(answer.bytes.begin, answer.bytes.end - answer.bytes.begin));
      found.push_back(answer.bytes);
    }
    std::sort(found.begin(), found.end(),
              [](const ByteSpan& a, const ByteSpan& b) { return a.begin < b.begin; });
    return found;
  }
};

bool is_whole(const ByteSpan& span) {
  return (span.begin == 0 || kText[span.begin - 1] == ' ') &&
         (span.end == kText.size() || kText[span.end] == ' ');
}

void expect_disjoint(const std::vector<ByteSpan>& spans) {
  for (std::size_t i = 1; i < spans.size(); ++i) {
    EXPECT_GE(spans[i].begin, spans[i - 1].end) << kText.substr(spans[i].begin);
  }
}

TEST_P(WordAlignment, AnswersAreWholeWordsOnceEach) {
  const std::vector<ByteSpan> answers = ask(/*align_to_words=*/true);
  EXPECT_EQ(answers.size(), 10U);
  expect_disjoint(answers);
  for (const ByteSpan& span : answers) {
    EXPECT_TRUE(is_whole(span)) << kText.substr(span.begin, span.end - span.begin);
  }
}

TEST_P(WordAlignment, WithoutItPartsOfWordsThatShareNoByte) {
  const std::vector<ByteSpan> answers = ask(/*align_to_words=*/false);
  EXPECT_GT(std::count_if(answers.begin(), answers.end(), std::not_fn(is_whole)), 0);
  for (const ByteSpan& span : answers) {
    EXPECT_EQ(kText.substr(span.begin, span.end - span.begin).find(' '), std::string::npos);
    EXPECT_LT(span.begin, span.end);
  }
  expect_disjoint(answers);
}

// It has tokens, but none of them is an answer.
TEST(BlankPassage, HasNoAnswerButAScoreForNone) {
  const auto model = load("roberta-joint");
  const std::vector<QaRequest> request{{"", "where does Mia live", {{"p", "   "}}}};
  const QaResult result = SpanQa(model).answer(request, {.allow_no_answer = true}).front();
  ASSERT_EQ(result.answers.size(), 1U);
  EXPECT_TRUE(result.answers.front().no_answer);
  EXPECT_TRUE(result.no_answer_score.has_value());
  EXPECT_TRUE(SpanQa(model).answer(request).front().answers.empty());
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, WordAlignment,
                         testing::Values("bert-joint", "mpnet-joint", "roberta-joint",
                                         "xlnet-packed", "xlmr-joint", "camembert-joint",
                                         "albert-joint", "deberta-v3-joint"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace deformer
