#include "text/sentencepiece_kind.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/sentencepiece_golden.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

class SentencePieceKindTest : public testing::Test {
 protected:
  void put(const std::string& name) {
    const fs::path from = test::kinds_golden_path(name);
    fs::copy_file(from, dir_ / from.filename());
  }
  void write(const char* name, const std::string& text) { write_file(dir_ / name, text); }
  std::string kind() { return std::string(find_sentencepiece_kind(dir_.path()).tokenizer_class); }

  test::TempDir dir_;
};

TEST_F(SentencePieceKindTest, FollowsFromTheFileWhereNothingElseIsSaid) {
  write("spm.model", "");
  EXPECT_EQ(kind(), "DebertaV2Tokenizer");
  write("sentencepiece.bpe.model", "");
  EXPECT_EQ(kind(), "XLMRobertaTokenizer");
  write("spiece.model", "");
  EXPECT_EQ(kind(), "XLNetTokenizer");
  write("config.json", R"({"model_type": "other"})");
  EXPECT_EQ(kind(), "XLNetTokenizer");
}

TEST_F(SentencePieceKindTest, FollowsFromTheModelsConfiguration) {
  write("spiece.model", "");
  write("config.json", R"({"model_type": "albert"})");
  EXPECT_EQ(kind(), "AlbertTokenizer");
  write("config.json", R"({"model_type": "bert", "tokenizer_class": "AlbertTokenizerFast"})");
  EXPECT_EQ(kind(), "AlbertTokenizer");
  write("tokenizer_config.json", R"({"tokenizer_class": "XLNetTokenizer"})");
  EXPECT_EQ(kind(), "XLNetTokenizer");
  write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
  EXPECT_EQ(kind(), "AlbertTokenizer");
}

// As configurations from before `model_type` existed say it.
TEST_F(SentencePieceKindTest, FollowsFromTheModelsClassWhereThereIsNoType) {
  write("sentencepiece.bpe.model", "");
  write("config.json", R"({"architectures": ["CamembertForQuestionAnswering"]})");
  EXPECT_EQ(kind(), "CamembertTokenizer");
  write("config.json", R"({"architectures": ["XLMRobertaModel"]})");
  EXPECT_EQ(kind(), "XLMRobertaTokenizer");
  write("spiece.model", "");
  write("config.json", R"({"architectures": ["AlbertForQuestionAnswering"]})");
  EXPECT_EQ(kind(), "AlbertTokenizer");
  write("config.json", R"({"model_type": "xlnet", "architectures": ["AlbertModel"]})");
  EXPECT_EQ(kind(), "XLNetTokenizer") << "a type says it first";
  for (const char* silent :
       {R"({"architectures": null})", R"({"architectures": ["OtherModel"]})"}) {
    write("config.json", silent);
    EXPECT_EQ(kind(), "XLNetTokenizer") << silent;
  }
}

TEST_F(SentencePieceKindTest, RefusesAClassOfAnotherKind) {
  write("sentencepiece.bpe.model", "");
  write("config.json", R"({"tokenizer_class": "BarthezTokenizer"})");
  test::expect_error(ErrorCode::kUnsupported,
                     "config.json: tokenizer_class: expected XLMRobertaTokenizer or "
                     "CamembertTokenizer with the file sentencepiece.bpe.model, found "
                     "\"BarthezTokenizer\"",
                     [&] { (void)kind(); });
  write("tokenizer_config.json", R"({"tokenizer_class": "MBartTokenizer"})");
  test::expect_error(ErrorCode::kUnsupported, "tokenizer_config.json: tokenizer_class: expected",
                     [&] { (void)load_tokenizer(dir_.path()); });
}

TEST_F(SentencePieceKindTest, NamesADirectoryWithoutAModel) {
  test::expect_error(ErrorCode::kNotFound, "expected a SentencePiece model, found none",
                     [&] { (void)kind(); });
}

TEST_F(SentencePieceKindTest, LoadsEveryKind) {
  const nlohmann::json special = test::load_kinds_golden("special.json");
  const auto expect_loaded = [&](const std::string& mode) {
    const auto tokenizer = load_tokenizer(dir_.path());
    EXPECT_EQ(tokenizer->hash(), test::make_kind_tokenizer(mode)->hash()) << mode;
    const SpecialTokens& ids = tokenizer->special_tokens();
    EXPECT_EQ((std::vector{ids.cls, ids.sep, ids.pad, ids.unk}),
              (std::vector<std::int32_t>{special[mode][0], special[mode][1], special[mode][2],
                                         special[mode][3]}))
        << mode;
  };
  put("deberta/spm.model");
  expect_loaded("deberta");
  write("tokenizer_config.json", R"({"do_lower_case": true})");
  expect_loaded("deberta_lower");
  fs::remove(dir_ / "tokenizer_config.json");
  put("xlm-roberta/sentencepiece.bpe.model");
  expect_loaded("xlm_roberta");
  EXPECT_EQ(load_tokenizer(dir_.path())->vocab_size(), special["xlm_roberta"][4]);
  write("config.json", R"({"model_type": "camembert"})");
  expect_loaded("camembert");
  EXPECT_EQ(load_tokenizer(dir_.path())->vocab_size(), special["camembert"][4]);
  put("albert/spiece.model");
  write("config.json", R"({"model_type": "albert"})");
  expect_loaded("albert");
  write("tokenizer_config.json", R"({"do_lower_case": false, "keep_accents": true})");
  expect_loaded("albert_cased");
}

TEST_F(SentencePieceKindTest, RefusesSplitByPunct) {
  put("deberta/spm.model");
  write("tokenizer_config.json", R"({"split_by_punct": true})");
  test::expect_error(ErrorCode::kUnsupported,
                     "tokenizer_config.json: split_by_punct: expected false, found true",
                     [&] { (void)load_tokenizer(dir_.path()); });
}

TEST(SentencePieceKinds, SpellTheirFirstTokensAndTheMask) {
  const auto xlm_roberta = test::make_kind_tokenizer("xlm_roberta");
  const auto camembert = test::make_kind_tokenizer("camembert");
  EXPECT_EQ(xlm_roberta->token(0), "<s>");
  EXPECT_EQ(xlm_roberta->token(3), "<unk>");
  EXPECT_EQ(xlm_roberta->token(901), "<mask>");
  EXPECT_EQ(camembert->token(4), "<unk>NOTUSED");
  EXPECT_EQ(camembert->token(5), "<s>");
  EXPECT_EQ(camembert->token(904), "<mask>");
  EXPECT_EQ(camembert->token(7), xlm_roberta->token(4)) << "the model's first piece of text";
}

TEST(SentencePieceKinds, ASpanHoldsACharacterThatItsTokenEndsInTheMiddleOf) {
  const auto tokenizer = test::make_kind_tokenizer("xlm_roberta");
  // U+0F75 becomes two characters, of which the second begins a piece.
  const TokenizedText tokens = tokenizer->tokenize("\u0F73\u0F75\u0F81");
  ASSERT_EQ(tokens.spans.size(), 4u);
  EXPECT_EQ(tokens.spans[2], (ByteSpan{3, 9}));
}

TEST(SentencePieceKinds, AgreeWithTheReferenceOnHardTexts) {
  const auto rows = test::load_json_lines(test::kinds_golden_path("texts.jsonl"));
  ASSERT_GT(rows.size(), 350u);
  for (const char* mode : {"albert", "xlm_roberta", "camembert", "deberta_lower"}) {
    const auto tokenizer = test::make_kind_tokenizer(mode);
    for (const nlohmann::json& row : rows) {
      EXPECT_EQ(test::tokens_like(tokenizer->tokenize(test::text_of(row)), row[mode]), row[mode])
          << mode << " of " << *row.find(row.contains("text") ? "text" : "bytes");
    }
  }
}

TEST(SentencePieceKinds, AgreeWithTheReferenceOnRandomTexts) {
  const nlohmann::json pools = test::load_golden("random.json");
  const nlohmann::json golden = test::load_kinds_golden("random.json");
  for (const auto& [mode, digests] : golden.items()) {
    const auto tokenizer = test::make_kind_tokenizer(mode);
    test::RandomTexts texts(pools);
    for (const nlohmann::json& expected : digests) {
      std::vector<std::string> batch;
      for (int i = 0; i < pools["texts_per_digest"]; ++i) batch.push_back(texts.next());
      EXPECT_EQ(test::id_digest(*tokenizer, batch), expected.get<std::vector<std::uint32_t>>())
          << mode;
    }
  }
}

}  // namespace
}  // namespace deformer
