#include "text/wordpiece.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/expect_error.h"
#include "support/shared_data.h"
#include "text/golden.h"

namespace deformer {
namespace {

using test::Crc32;

const char* const kWordPieceModes[] = {"uncased", "cased", "lower_keep_accents",
                                       "cased_strip_accents", "uncased_keep_ideographs"};

constexpr std::string_view kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\na\n##a\n[\n]\nsep\nA\n\u00E9\ne\n";

WordPieceTokenizer make_wordpiece(const TokenizerConfig& config = {},
                                  std::string_view vocabulary = kVocabulary) {
  return {vocabulary, config, "vocab.txt"};
}

// [[id, begin, end], ...]
nlohmann::json to_json(const TokenizedText& tokens) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
    rows.push_back({tokens.ids[i], tokens.spans[i].begin, tokens.spans[i].end});
  }
  return rows;
}

TEST(WordPieceTokenizer, TakesTheLongestPieces) {
  const TokenizedText tokens = make_wordpiece().tokenize("unaffable a");
  EXPECT_EQ(tokens.ids, (std::vector<std::int32_t>{4, 5, 6, 7}));
  EXPECT_EQ(tokens.spans, (std::vector<ByteSpan>{{0, 2}, {2, 5}, {5, 9}, {10, 11}}));
}

TEST(WordPieceTokenizer, MakesAWordWithAnUnknownPartOneUnknownToken) {
  const TokenizedText tokens = make_wordpiece().tokenize("a unaffx a");
  EXPECT_EQ(tokens.ids, (std::vector<std::int32_t>{7, 1, 7}));
  EXPECT_EQ(tokens.spans[1], (ByteSpan{2, 8}));
}

TEST(WordPieceTokenizer, KnowsWordsOfAHundredCodePointsAndNoLongerOnes) {
  EXPECT_EQ(make_wordpiece().tokenize(std::string(100, 'a')).ids.size(), 100u);
  EXPECT_EQ(make_wordpiece().tokenize(std::string(101, 'a')).ids, (std::vector<std::int32_t>{1}));
}

TEST(WordPieceTokenizer, TakesASpecialTokensNameAsPlainText) {
  EXPECT_EQ(make_wordpiece().tokenize("[SEP]").ids, (std::vector<std::int32_t>{9, 11, 10}));
}

TEST(WordPieceTokenizer, HeedsItsOptions) {
  EXPECT_EQ(make_wordpiece().tokenize("A \u00C9").ids, (std::vector<std::int32_t>{7, 14}));
  EXPECT_EQ(make_wordpiece({.do_lower_case = false}).tokenize("A \u00E9").ids,
            (std::vector<std::int32_t>{12, 13}));
  EXPECT_EQ(make_wordpiece({.strip_accents = false}).tokenize("A \u00C9").ids,
            (std::vector<std::int32_t>{7, 13}));
}

TEST(WordPieceTokenizer, FindsSpecialTokensByName) {
  const SpecialTokens special =
      make_wordpiece({.cls_token = "un", .unk_token = "a"}).special_tokens();
  EXPECT_EQ(special.cls, 4);
  EXPECT_EQ(special.sep, 3);
  EXPECT_EQ(special.pad, 0);
  EXPECT_EQ(special.unk, 7);
  EXPECT_EQ(make_wordpiece({.unk_token = "a"}).tokenize("xyz").ids, (std::vector<std::int32_t>{7}));
}

TEST(WordPieceTokenizer, NamesAMissingSpecialToken) {
  test::expect_error(ErrorCode::kCorrupt, "vocab.txt: expected the special token \"[SEP]\"",
                     [] { make_wordpiece({}, "[PAD]\n[UNK]\n[CLS]\n"); });
  test::expect_error(ErrorCode::kCorrupt, "\"<s>\"", [] { make_wordpiece({.cls_token = "<s>"}); });
}

TEST(WordPieceTokenizer, SpellsTokensAsTheVocabularyDoes) {
  EXPECT_EQ(make_wordpiece().token(5), "##aff");
  EXPECT_EQ(make_wordpiece().vocab_size(), 15);
}

TEST(WordPieceTokenizer, HashesVocabularyAndOptions) {
  const std::uint64_t hash = make_wordpiece().hash();
  EXPECT_EQ(make_wordpiece().hash(), hash);
  EXPECT_EQ(make_wordpiece({.strip_accents = true}).hash(), hash)
      << "the same options, said otherwise";
  const std::string longer = std::string(kVocabulary) + "b\n";
  std::set<std::uint64_t> hashes{hash,
                                 make_wordpiece({.do_lower_case = false}).hash(),
                                 make_wordpiece({.strip_accents = false}).hash(),
                                 make_wordpiece({.tokenize_chinese_chars = false}).hash(),
                                 make_wordpiece({.unk_token = "a"}).hash(),
                                 make_wordpiece({}, longer).hash()};
  EXPECT_EQ(hashes.size(), 6u);
}

TEST(WordPieceTokenizer, AgreesWithTheReferenceOnHardTexts) {
  const std::vector<nlohmann::json> rows = test::load_golden_lines("texts.jsonl");
  ASSERT_GT(rows.size(), 300u);
  for (const char* mode : kWordPieceModes) {
    const WordPieceTokenizer tokenizer = test::make_golden_tokenizer(mode);
    for (const nlohmann::json& row : rows) {
      EXPECT_EQ(to_json(tokenizer.tokenize(test::text_of(row))), row[mode])
          << mode << " of " << row.begin().key() << " "
          << *row.find(row.contains("text") ? "text" : "bytes");
    }
  }
}

class PublishedVocabulary : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    DEFORMER_REQUIRE_SHARED("data/tokenizers");
    const auto dir = test::shared_path("data/tokenizers") / GetParam();
    tokenizer_ = std::make_unique<WordPieceTokenizer>(
        read_file(dir / "vocab.txt"),
        TokenizerConfig{.do_lower_case = std::string(GetParam()).ends_with("uncased")}, GetParam());
    golden_ = test::load_golden("published.json")[GetParam()];
  }

  // [number of tokens, CRC of ids, CRC of spans]
  [[nodiscard]] std::vector<std::uint32_t> digests(const std::vector<std::string>& texts) const {
    Crc32 ids;
    Crc32 spans;
    std::uint32_t count = 0;
    for (const std::string& text : texts) {
      const TokenizedText tokens = tokenizer_->tokenize(text);
      for (const std::int32_t id : tokens.ids) ids.add_integer(static_cast<std::uint32_t>(id));
      for (const ByteSpan& span : tokens.spans) {
        spans.add_integer(span.begin);
        spans.add_integer(span.end);
      }
      ids.add_integer(~0u);
      spans.add_integer(~0u);
      count += static_cast<std::uint32_t>(tokens.ids.size());
    }
    return {count, ids.value(), spans.value()};
  }

  static std::vector<std::string> texts_of(const nlohmann::json& article) {
    std::vector<std::string> texts;
    for (const nlohmann::json& paragraph : article["paragraphs"]) {
      texts.push_back(paragraph["context"]);
      for (const nlohmann::json& question : paragraph["qas"]) texts.push_back(question["question"]);
    }
    return texts;
  }

  void expect_equal_on_squad(const std::string& name) const {
    const auto path = test::shared_path("data/squad") / name;
    const nlohmann::json articles = nlohmann::json::parse(read_file(path))["data"];
    ASSERT_EQ(articles.size(), golden_[name].size());
    for (std::size_t i = 0; i < articles.size(); ++i) {
      EXPECT_EQ(digests(texts_of(articles[i])), golden_[name][i].get<std::vector<std::uint32_t>>())
          << articles[i]["title"];
    }
  }

  std::unique_ptr<WordPieceTokenizer> tokenizer_;
  nlohmann::json golden_;
};

TEST_P(PublishedVocabulary, AgreesWithTheReferenceOnHardTexts) {
  std::size_t i = 0;
  for (const nlohmann::json& row : test::load_golden_lines("texts.jsonl")) {
    if (!row.contains("text")) continue;
    const std::string text = row["text"];
    EXPECT_EQ(digests({text}), golden_["texts"].at(i++).get<std::vector<std::uint32_t>>())
        << testing::PrintToString(text);
  }
  EXPECT_EQ(i, golden_["texts"].size());
}

TEST_P(PublishedVocabulary, AgreesWithTheReferenceOnSquad) {
  DEFORMER_REQUIRE_SHARED("data/squad");
  expect_equal_on_squad("dev-v1.1.json");
  expect_equal_on_squad("dev-v2.0-reconstructed.json");
}

std::string suite_name(const testing::TestParamInfo<const char*>& model) {
  return std::string(model.param).ends_with("uncased") ? "Uncased" : "Cased";
}

INSTANTIATE_TEST_SUITE_P(Bert, PublishedVocabulary,
                         testing::Values("bert-base-uncased", "bert-base-cased"), suite_name);

}  // namespace

}  // namespace deformer
