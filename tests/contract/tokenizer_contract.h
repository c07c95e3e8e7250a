// What every Tokenizer promises, whatever its kind; tokenizer_contract_test.cpp lists them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "deformer/tokenizer.h"
#include "support/expect_error.h"
#include "text/utf8.h"

namespace deformer::test {

struct TokenizerCase {
  std::string label;
  std::function<std::unique_ptr<const Tokenizer>()> make;
  bool keeps_spaces = false;  ///< white space is made into tokens

  static std::string name(const testing::TestParamInfo<TokenizerCase>& info) {
    return info.param.label;
  }
};

class TokenizerContract : public testing::TestWithParam<TokenizerCase> {
 protected:
  void SetUp() override { tokenizer_ = GetParam().make(); }

  /// Ids in range, spans ordered, not empty, inside the text and on its code-point boundaries.
  void expect_well_formed(std::string_view text, const TokenizedText& tokens) const {
    ASSERT_EQ(tokens.ids.size(), tokens.spans.size());
    std::vector<bool> is_boundary(text.size() + 1);
    for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).size_bytes) {
      is_boundary[at] = true;
    }
    is_boundary[text.size()] = true;
    ByteSpan last;
    for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
      const ByteSpan span = tokens.spans[i];
      ASSERT_GE(tokens.ids[i], 0);
      ASSERT_LT(tokens.ids[i], tokenizer_->vocab_size());
      ASSERT_LT(span.begin, span.end);
      ASSERT_LE(span.end, text.size());
      ASSERT_TRUE(is_boundary[span.begin] && is_boundary[span.end]);
      ASSERT_GE(span.begin, last.begin);
      ASSERT_GE(span.end, last.end);
      last = span;
    }
  }

  void expect_well_formed(std::string_view text) const {
    SCOPED_TRACE(testing::PrintToString(text));
    expect_well_formed(text, tokenizer_->tokenize(text));
  }

  std::unique_ptr<const Tokenizer> tokenizer_;
};

inline std::string random_bytes(std::mt19937& random) {
  std::string text(random() % 64, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

/// Mostly valid UTF-8 of many scripts, cut and damaged here and there.
inline std::string random_text(std::mt19937& random) {
  static constexpr char32_t kFirst[] = {0x20,   0x41,   0x61,   0xC0,   0x300,   0x400,   0x590,
                                        0x900,  0xE00,  0x1100, 0x1E00, 0x2000,  0x3040,  0x4E00,
                                        0xAC00, 0xF900, 0xFE00, 0xFF00, 0x1D150, 0x1F600, 0x20000};
  std::string text;
  for (auto left = random() % 40; left > 0; --left) {
    append_utf8(text, kFirst[random() % std::size(kFirst)] + random() % 64);
    if (random() % 10 == 0) text.push_back(' ');
    if (random() % 20 == 0) text.pop_back();
    if (random() % 30 == 0) text.push_back(static_cast<char>(random()));
  }
  return text;
}

TEST_P(TokenizerContract, GivesNoTokensForAnEmptyText) {
  const TokenizedText tokens = tokenizer_->tokenize("");
  EXPECT_TRUE(tokens.ids.empty());
  EXPECT_TRUE(tokens.spans.empty());
}

TEST_P(TokenizerContract, GivesNoTokensForSpacesUnlessItKeepsThem) {
  const std::string spaces = "  \n\t ";
  expect_well_formed(spaces);
  EXPECT_EQ(tokenizer_->tokenize(spaces).ids.empty(), !GetParam().keeps_spaces);
}

TEST_P(TokenizerContract, CoversAPlainText) {
  const std::string text = "One plain sentence";
  const TokenizedText tokens = tokenizer_->tokenize(text);
  expect_well_formed(text, tokens);
  std::string covered(text.size(), '.');
  for (const ByteSpan& span : tokens.spans) {
    for (std::uint32_t i = span.begin; i < span.end; ++i) covered[i] = text[i];
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    EXPECT_EQ(covered[i], text[i]) << "byte " << i;
  }
}

TEST_P(TokenizerContract, IsWellFormedOnRandomBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 5000 && !HasFatalFailure(); ++i) expect_well_formed(random_bytes(random));
}

TEST_P(TokenizerContract, IsWellFormedOnDamagedText) {
  std::mt19937 random(2);
  for (int i = 0; i < 5000 && !HasFatalFailure(); ++i) expect_well_formed(random_text(random));
}

TEST_P(TokenizerContract, IsWellFormedOnEveryPrefixOfAText) {
  const std::string text =
      "\u00C9t\u00E9 e\u0301\u0316 \uD55C\u56FD\u200D \U0001F469\u200D\U0001F4BB\u2014[SEP]\n";
  for (std::size_t size = 0; size <= text.size() && !HasFatalFailure(); ++size) {
    expect_well_formed(std::string_view(text).substr(0, size));
  }
}

TEST_P(TokenizerContract, IsWellFormedOnALongText) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < 300'000) text += random_text(random);
  expect_well_formed(text);
}

TEST_P(TokenizerContract, TakesASpecialTokensNameAsPlainText) {
  const SpecialTokens& special = tokenizer_->special_tokens();
  for (const std::int32_t id : {special.cls, special.sep, special.pad}) {
    const std::string text = "a " + tokenizer_->token(id) + " b";
    const TokenizedText tokens = tokenizer_->tokenize(text);
    expect_well_formed(text, tokens);
    for (const std::int32_t found : tokens.ids) EXPECT_NE(found, id) << text;
  }
}

TEST_P(TokenizerContract, HasDistinctSpecialTokensInRange) {
  const SpecialTokens& special = tokenizer_->special_tokens();
  const std::set<std::int32_t> ids{special.cls, special.sep, special.pad, special.unk};
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_GE(*ids.begin(), 0);
  EXPECT_LT(*ids.rbegin(), tokenizer_->vocab_size());
}

TEST_P(TokenizerContract, SpellsEveryIdAndRefusesOthers) {
  for (std::int32_t id = 0; id < tokenizer_->vocab_size(); ++id) (void)tokenizer_->token(id);
  for (const std::int64_t id : {std::int64_t{-1}, tokenizer_->vocab_size()}) {
    expect_error(ErrorCode::kInvalidArgument, "token id: expected 0 to ",
                 [&] { (void)tokenizer_->token(static_cast<std::int32_t>(id)); });
  }
}

TEST_P(TokenizerContract, GivesTheSameWhenMadeAgain) {
  const auto again = GetParam().make();
  EXPECT_EQ(again->hash(), tokenizer_->hash());
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    const std::string text = random_text(random);
    const TokenizedText expected = tokenizer_->tokenize(text);
    const TokenizedText found = again->tokenize(text);
    ASSERT_EQ(found.ids, expected.ids);
    ASSERT_EQ(found.spans, expected.spans);
  }
}

TEST_P(TokenizerContract, GivesTheSameInConcurrentCalls) {
  std::mt19937 random(5);
  std::vector<std::string> texts(300);
  for (std::string& text : texts) text = random_text(random);
  std::vector<TokenizedText> expected(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) expected[i] = tokenizer_->tokenize(texts[i]);
  const auto count_equal = [&](std::size_t& count) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const TokenizedText found = tokenizer_->tokenize(texts[i]);
      count += found.ids == expected[i].ids && found.spans == expected[i].spans;
    }
  };
  std::size_t equal[4] = {};
  std::vector<std::thread> threads;
  threads.reserve(std::size(equal));
  for (std::size_t& count : equal) threads.emplace_back(count_equal, std::ref(count));
  for (std::thread& thread : threads) thread.join();
  for (const std::size_t count : equal) EXPECT_EQ(count, texts.size());
}

}  // namespace deformer::test
