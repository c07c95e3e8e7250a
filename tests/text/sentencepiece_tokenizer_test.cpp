#include "text/sentencepiece_tokenizer.h"

#include <gtest/gtest.h>

#include <set>

#include "deformer/error.h"
#include "support/expect_error.h"
#include "support/shared_data.h"
#include "support/temp_dir.h"
#include "text/golden.h"
#include "text/pieces_of.h"
#include "text/sentencepiece_golden.h"
#include "text/word_mark.h"

namespace deformer {
namespace {

const char* const kXlnetModes[] = {"default", "keep_spaces", "keep_accents", "lower",
                                   "lower_keep_accents"};

SentencePieceTokenizer make_xlnet(const std::string& mode = "default") {
  return test::make_xlnet_tokenizer(mode);
}

std::string without_marks(std::string text) {
  for (std::size_t at = 0; (at = text.find(kWordMarkText)) != std::string::npos;) {
    text.erase(at, kWordMarkText.size());
  }
  return text;
}

TEST(SentencePieceTokenizer, CutsTheCommaOffANumber) {
  EXPECT_EQ(test::pieces_of(make_xlnet(), "the 12, of"),
            (std::vector<std::string>{"\u2581the", "\u2581", "1", "2", ",", "\u2581of"}));
}

TEST(SentencePieceTokenizer, SpansLeaveOutTheSpaceBeforeAWord) {
  const TokenizedText tokens = make_xlnet().tokenize("the  river");
  EXPECT_EQ(tokens.spans, (std::vector<ByteSpan>{{0, 3}, {5, 10}}));
}

TEST(SentencePieceTokenizer, ALoneMarkHasTheSpanOfTheNextCharacter) {
  const TokenizedText tokens = make_xlnet().tokenize("of  \u4E00");
  ASSERT_EQ(test::pieces_of(make_xlnet(), "of  \u4E00")[1], kWordMarkText);
  EXPECT_EQ(tokens.spans[1], (ByteSpan{4, 7}));
  EXPECT_EQ(tokens.spans[2], (ByteSpan{4, 7}));
}

TEST(SentencePieceTokenizer, SpansLeaveOutWhatTheModelRemoves) {
  const TokenizedText tokens = make_xlnet().tokenize("of\u200B the");
  EXPECT_EQ(tokens.spans, (std::vector<ByteSpan>{{0, 2}, {6, 9}}));
}

TEST(SentencePieceTokenizer, HeedsItsOptions) {
  std::set<std::uint64_t> hashes;
  for (const char* mode : kXlnetModes) hashes.insert(make_xlnet(mode).hash());
  EXPECT_EQ(hashes.size(), std::size(kXlnetModes));
}

TEST(SentencePieceTokenizer, FindsSpecialTokensByName) {
  const SpecialTokens special = make_xlnet().special_tokens();
  EXPECT_EQ(special.cls, 3);
  EXPECT_EQ(special.sep, 4);
  EXPECT_EQ(special.pad, 5);
  EXPECT_EQ(special.unk, 0);
  TokenizerConfig config = sentencepiece_defaults(kXlnetPieces);
  config.sep_token = "[SEP]";
  test::expect_error(ErrorCode::kCorrupt, "m: expected the special token \"[SEP]\"", [&] {
    const SentencePieceTokenizer tokenizer(read_file(test::xlnet_golden_path("spiece.model")),
                                           kXlnetPieces, config, "m");
  });
}

TEST(SentencePieceTokenizer, NamesABrokenModel) {
  const test::TempDir dir;
  for (const std::string& content : {std::string("no model"), std::string()}) {
    write_file(dir / "spiece.model", content);
    test::expect_error(ErrorCode::kCorrupt,
                       "spiece.model: expected a SentencePiece model, found one that is cut short",
                       [&] { (void)load_tokenizer(dir.path()); });
  }
}

TEST(SentencePieceTokenizer, ATruncatedModelIsRefusedOrWorks) {
  const std::string model = read_file(test::xlnet_golden_path("spiece.model"));
  std::size_t refused = 0;
  for (std::size_t size = 0; size < model.size(); size += 61) {
    try {
      const SentencePieceTokenizer tokenizer(std::string_view(model).substr(0, size), kXlnetPieces,
                                             sentencepiece_defaults(kXlnetPieces), "m");
      EXPECT_NO_THROW((void)tokenizer.tokenize("the river, 1990, \u00E9"));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(SentencePieceTokenizer, LoadsADirectory) {
  const test::TempDir dir;
  std::filesystem::copy_file(test::xlnet_golden_path("spiece.model"), dir / "spiece.model");
  const auto plain = load_tokenizer(dir.path());
  EXPECT_EQ(plain->hash(), make_xlnet().hash());
  write_file(dir / "tokenizer_config.json", R"({"keep_accents": true, "do_lower_case": true})");
  EXPECT_EQ(load_tokenizer(dir.path())->hash(), make_xlnet("lower_keep_accents").hash());
  write_file(dir / "tokenizer_config.json", R"({"remove_space": false})");
  EXPECT_EQ(load_tokenizer(dir.path())->hash(), make_xlnet("keep_spaces").hash());
}

TEST(SentencePieceTokenizer, AgreesWithTheReferenceOnHardTexts) {
  const std::vector<nlohmann::json> rows = test::load_xlnet_golden_lines("texts.jsonl");
  ASSERT_GT(rows.size(), 350u);
  for (const char* mode : kXlnetModes) {
    const SentencePieceTokenizer tokenizer = make_xlnet(mode);
    for (const nlohmann::json& row : rows) {
      EXPECT_EQ(test::tokens_like(tokenizer.tokenize(test::text_of(row)), row[mode]), row[mode])
          << mode << " of " << *row.find(row.contains("text") ? "text" : "bytes");
    }
  }
}

TEST(SentencePieceTokenizer, AgreesWithTheReferenceOnRandomTexts) {
  const nlohmann::json golden = test::load_xlnet_golden("random.json");
  const nlohmann::json pools = test::load_golden("random.json");
  test::RandomTexts texts(pools);
  const SentencePieceTokenizer tokenizer = make_xlnet();
  for (const nlohmann::json& expected : golden) {
    std::vector<std::string> batch;
    for (int i = 0; i < pools["texts_per_digest"]; ++i) batch.push_back(texts.next());
    EXPECT_EQ(test::id_digest(tokenizer, batch), expected.get<std::vector<std::uint32_t>>());
  }
}

class PublishedXlnet : public testing::Test {
 protected:
  void SetUp() override {
    DEFORMER_REQUIRE_SHARED("data/tokenizers");
    tokenizer_ = load_tokenizer(test::shared_path("data/tokenizers/xlnet-base-cased"));
    golden_ = test::load_xlnet_golden("published.json");
  }

  static std::vector<std::string> texts_of(const nlohmann::json& article) {
    std::vector<std::string> texts;
    for (const nlohmann::json& paragraph : article["paragraphs"]) {
      texts.push_back(paragraph["context"]);
      for (const nlohmann::json& question : paragraph["qas"]) texts.push_back(question["question"]);
    }
    return texts;
  }

  static nlohmann::json articles_of(const std::string& name) {
    return nlohmann::json::parse(read_file(test::shared_path("data/squad") / name))["data"];
  }

  // Cut from the text and normalised by itself, a span gives its piece.
  void expect_spans_to_spell_their_pieces(const std::string& text) const {
    const TokenizedText tokens = tokenizer_->tokenize(text);
    for (std::size_t i = 0; i < tokens.ids.size(); ++i) {
      const std::string piece = without_marks(tokenizer_->token(tokens.ids[i]));
      if (tokens.ids[i] == tokenizer_->special_tokens().unk || piece.empty()) continue;
      const ByteSpan span = tokens.spans[i];
      const std::string cut = text.substr(span.begin, span.end - span.begin);
      std::string spelt;
      for (const std::string& part : test::pieces_of(*tokenizer_, cut))
        spelt += without_marks(part);
      // A piece may be a part of one character: of a ligature, of a fraction.
      EXPECT_NE(spelt.find(piece), std::string::npos) << cut << " in " << text;
      const bool is_one_character = decode_utf8(cut, 0).size_bytes == cut.size();
      EXPECT_TRUE(is_one_character || spelt == piece) << cut << " in " << text;
    }
  }

  std::unique_ptr<const Tokenizer> tokenizer_;
  nlohmann::json golden_;
};

TEST_F(PublishedXlnet, AgreesWithTheReferenceOnHardTexts) {
  std::size_t i = 0;
  for (const nlohmann::json& row : test::load_xlnet_golden_lines("texts.jsonl")) {
    if (!row.contains("text")) continue;
    EXPECT_EQ(test::id_digest(*tokenizer_, {row["text"]}),
              golden_["texts"].at(i++).get<std::vector<std::uint32_t>>())
        << row["text"];
  }
  EXPECT_EQ(i, golden_["texts"].size());
}

TEST_F(PublishedXlnet, AgreesWithTheReferenceOnSquad) {
  DEFORMER_REQUIRE_SHARED("data/squad");
  for (const char* name : {"dev-v1.1.json", "dev-v2.0-reconstructed.json"}) {
    const nlohmann::json articles = articles_of(name);
    ASSERT_EQ(articles.size(), golden_[name].size());
    for (std::size_t i = 0; i < articles.size(); ++i) {
      EXPECT_EQ(test::id_digest(*tokenizer_, texts_of(articles[i])),
                golden_[name][i].get<std::vector<std::uint32_t>>())
          << articles[i]["title"];
    }
  }
}

TEST_F(PublishedXlnet, SpansOfSquadSpellTheirPieces) {
  DEFORMER_REQUIRE_SHARED("data/squad");
  for (const nlohmann::json& article : articles_of("dev-v1.1.json")) {
    for (const nlohmann::json& paragraph : article["paragraphs"]) {
      expect_spans_to_spell_their_pieces(paragraph["context"]);
    }
  }
}

}  // namespace

}  // namespace deformer
