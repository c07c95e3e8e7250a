#include "text/bpe_tokenizer.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/bpe_golden.h"
#include "text/pieces_of.h"
#include "text/sentencepiece_golden.h"

namespace deformer {
namespace {

const char* const kBpeModes[] = {"default", "prefix"};

using Spans = std::vector<ByteSpan>;
using Pieces = std::vector<std::string>;

TEST(BpeTokenizer, SpansLeaveOutTheSpaceBeforeAWord) {
  const BpeTokenizer tokenizer = test::make_bpe_tokenizer("default");
  EXPECT_EQ(test::pieces_of(tokenizer, "the of"), (Pieces{"the", "\u0120of"}));
  EXPECT_EQ(tokenizer.tokenize("the of").spans, (Spans{{0, 3}, {4, 6}}));
}

TEST(BpeTokenizer, SpacesAloneAreTokensOfTheirOwn) {
  const BpeTokenizer tokenizer = test::make_bpe_tokenizer("default");
  EXPECT_EQ(tokenizer.tokenize("the   of").spans, (Spans{{0, 3}, {3, 5}, {6, 8}}));
}

// Each token by itself: a run of spaces is not read again and again.
TEST(BpeTokenizer, TakesTimeInProportionToALongText) {
  const BpeTokenizer tokenizer = test::make_bpe_tokenizer("default");
  const std::size_t size = std::size_t{1} << 20;
  for (const char c : {' ', 'a', '\'', '\n'}) {
    const TokenizedText tokens = tokenizer.tokenize(std::string(size, c));
    ASSERT_FALSE(tokens.spans.empty());
    EXPECT_EQ(tokens.spans.back().end, size);
  }
}

TEST(BpeTokenizer, PartsOfOneCharacterShareItsRange) {
  const TokenizedText tokens = test::make_bpe_tokenizer("default").tokenize("a\U0001F98A");
  ASSERT_GT(tokens.ids.size(), 2u);
  for (std::size_t i = 1; i < tokens.spans.size(); ++i) {
    EXPECT_EQ(tokens.spans[i], (ByteSpan{1, 5}));
  }
}

TEST(BpeTokenizer, WordsAreGpt2sWithoutTheirSpaces) {
  for (const char* const mode : kBpeModes) {
    const BpeTokenizer tokenizer = test::make_bpe_tokenizer(mode);
    EXPECT_EQ(tokenizer.words("B52 isn't   ..."),
              (Spans{{0, 1}, {1, 3}, {4, 7}, {7, 9}, {12, 15}}));
  }
}

TEST(BpeTokenizer, AnAddedSpaceIsPartOfWhatFollows) {
  const BpeTokenizer tokenizer = test::make_bpe_tokenizer("prefix");
  EXPECT_EQ(test::pieces_of(tokenizer, "the"), (Pieces{"\u0120the"}));
  EXPECT_EQ(tokenizer.tokenize("the").spans, (Spans{{0, 3}}));
  EXPECT_EQ(test::pieces_of(tokenizer, " the"), (Pieces{"\u0120the"}));
  EXPECT_EQ(tokenizer.tokenize(" the").spans, (Spans{{1, 4}}));
  const TokenizedText alone = tokenizer.tokenize("\x01");
  EXPECT_EQ(tokenizer.token(alone.ids[0]), "\u0120");
  EXPECT_EQ(alone.spans[0], (ByteSpan{0, 1}));
}

TEST(BpeTokenizer, HeedsItsOptions) {
  EXPECT_NE(test::make_bpe_tokenizer("prefix").hash(), test::make_bpe_tokenizer("default").hash());
}

TEST(BpeTokenizer, AgreesWithTheReferenceOnHardTexts) {
  const auto rows = test::load_json_lines(test::bpe_golden_path("texts.jsonl"));
  ASSERT_GT(rows.size(), 350u);
  for (const char* mode : kBpeModes) {
    const BpeTokenizer tokenizer = test::make_bpe_tokenizer(mode);
    for (const nlohmann::json& row : rows) {
      EXPECT_EQ(test::tokens_like(tokenizer.tokenize(test::text_of(row)), row[mode]), row[mode])
          << mode << " of " << *row.find(row.contains("text") ? "text" : "bytes");
    }
  }
}

// [number of tokens, CRC of ids and spans] of the next texts.
std::vector<std::uint32_t> digest(const BpeTokenizer& tokenizer, test::RandomTexts& texts,
                                  int count) {
  test::Crc32 digest;
  std::uint32_t size = 0;
  for (; count > 0; --count) {
    const TokenizedText tokens = tokenizer.tokenize(texts.next());
    for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
      digest.add_integer(static_cast<std::uint32_t>(tokens.ids[i]));
      digest.add_integer(tokens.spans[i].begin);
      digest.add_integer(tokens.spans[i].end);
    }
    digest.add_integer(~0u);
    size += static_cast<std::uint32_t>(tokens.ids.size());
  }
  return {size, digest.value()};
}

TEST(BpeTokenizer, AgreesWithTheReferenceOnRandomTexts) {
  const nlohmann::json golden = test::load_bpe_golden("random.json");
  const nlohmann::json pools = test::load_golden("random.json");
  for (const char* mode : kBpeModes) {
    const BpeTokenizer tokenizer = test::make_bpe_tokenizer(mode);
    test::RandomTexts texts(pools);
    for (const nlohmann::json& expected : golden[mode]) {
      EXPECT_EQ(digest(tokenizer, texts, pools["texts_per_digest"]),
                expected.get<std::vector<std::uint32_t>>())
          << mode;
    }
  }
}

class LoadBpe : public testing::Test {
 protected:
  LoadBpe() {
    for (const char* name : {"vocab.json", "merges.txt"}) {
      std::filesystem::copy_file(test::bpe_golden_path(name), dir_ / name);
    }
  }
  void write_config(const std::string& text) { write_file(dir_ / "tokenizer_config.json", text); }

  test::TempDir dir_;
};

TEST_F(LoadBpe, LoadsADirectory) {
  const auto plain = load_tokenizer(dir_.path());
  EXPECT_EQ(plain->hash(), test::make_bpe_tokenizer("default").hash());
  EXPECT_EQ(plain->special_tokens().cls, 0);
  EXPECT_EQ(plain->special_tokens().pad, 1);
  EXPECT_EQ(plain->special_tokens().sep, 2);
  EXPECT_EQ(plain->special_tokens().unk, 3);
  write_config(R"({"add_prefix_space": true, "tokenizer_class": "RobertaTokenizerFast"})");
  EXPECT_EQ(load_tokenizer(dir_.path())->hash(), test::make_bpe_tokenizer("prefix").hash());
}

TEST_F(LoadBpe, RefusesAClassOfAnotherKind) {
  write_config(R"({"tokenizer_class": "CLIPTokenizer"})");
  test::expect_error(ErrorCode::kUnsupported,
                     "tokenizer_config.json: tokenizer_class: expected one with the files "
                     "vocab.json and merges.txt, as RobertaTokenizer, found \"CLIPTokenizer\"",
                     [&] { (void)load_tokenizer(dir_.path()); });
}

TEST_F(LoadBpe, NamesAMissingSpecialToken) {
  write_config(R"({"cls_token": "[CLS]"})");
  test::expect_error(ErrorCode::kCorrupt,
                     (dir_ / "vocab.json").string() + ": expected the special token \"[CLS]\"",
                     [&] { (void)load_tokenizer(dir_.path()); });
}

TEST_F(LoadBpe, TokenizerJsonBesideItMustHaveTheSameTables) {
  nlohmann::json file = test::load_bpe_golden("saved/tokenizer.json");
  const auto refused = [&](const std::string& message) {
    write_file(dir_ / "tokenizer.json", file.dump());
    test::expect_error(ErrorCode::kIncompatible,
                       (dir_ / "tokenizer.json").string() + ": expected the " + message,
                       [&] { (void)load_tokenizer(dir_.path()); });
  };
  write_file(dir_ / "tokenizer.json", file.dump());
  EXPECT_EQ(load_tokenizer(dir_.path())->hash(), test::make_bpe_tokenizer("default").hash());
  file["model"]["merges"].erase(7);
  refused("rules of " + (dir_ / "merges.txt").string() + ", found another rule 7");
  file["model"]["vocab"]["new"] = 1201;
  refused("tokens of " + (dir_ / "vocab.json").string() + ", found another token 1201");
  file["model"] = {{"type", "Unigram"}};
  write_file(dir_ / "tokenizer.json", file.dump());
  EXPECT_EQ(load_tokenizer(dir_.path())->vocab_size(), 1201) << "vocab.json alone counts";
}

TEST_F(LoadBpe, KnowsDebertasSpecialTokens) {
  write_file(dir_ / "vocab.json", R"({"[CLS]": 0, "[PAD]": 1, "[SEP]": 2, "[UNK]": 3, "a": 4})");
  write_file(dir_ / "merges.txt", "");
  EXPECT_EQ(load_tokenizer(dir_.path())->special_tokens().sep, 2);
}

}  // namespace
}  // namespace deformer
