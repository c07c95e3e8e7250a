// tests/golden/added_tokens.json, made by scripts/golden/make_golden_added_tokens.py: tokens that
// were added to a finished tokenizer, as tokenizer.json has them.
#include "text/added_token_tokenizer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/golden.h"
#include "text/tokenizer_json.h"

namespace deformer {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden";

const nlohmann::json& golden() {
  static const nlohmann::json forms = load_json(kGolden / "added_tokens.json");
  return forms;
}

nlohmann::json document_of(const nlohmann::json& form) {
  nlohmann::json document = load_json(kGolden / form["base"].get<std::string>() / "tokenizer.json");
  document.update(form["changes"]);
  return document;
}

std::unique_ptr<const Tokenizer> load_document(const nlohmann::json& document) {
  const test::TempDir directory;
  write_file(directory / "tokenizer.json", document.dump());
  return load_tokenizer(directory.path());
}

class AddedTokens : public testing::TestWithParam<const char*> {
 protected:
  const nlohmann::json& form = golden()[GetParam()];
  std::unique_ptr<const Tokenizer> tokenizer = load_document(document_of(form));
};

TEST_P(AddedTokens, HaveTheIdsAndSpansOfTheReference) {
  ASSERT_GT(form["texts"].size(), 50U);
  for (const nlohmann::json& row : form["texts"]) {
    SCOPED_TRACE(row["text"].dump());
    const TokenizedText tokens = tokenizer->tokenize(row["text"].get<std::string>());
    EXPECT_EQ(tokens.ids, row["ids"].get<std::vector<std::int32_t>>());
    ASSERT_EQ(tokens.spans.size(), row["spans"].size());
    for (std::size_t i = 0; i < tokens.spans.size(); ++i) {
      const nlohmann::json& span = row["spans"][i];
      if (span.is_null()) continue;
      EXPECT_EQ(tokens.spans[i], (ByteSpan{span[0], span[1]})) << i;
    }
  }
}

TEST_P(AddedTokens, HaveTheIdsOfTheReferenceInRandomTexts) {
  const nlohmann::json& added = form["changes"]["added_tokens"];
  test::RandomTexts texts(test::load_golden("random.json"));
  test::Crc32 digest;
  std::size_t count = 0;
  std::string text = texts.next();
  for (std::size_t i = 0; i < 2000; ++i) {
    std::string next = texts.next();
    const auto& token = added[i % added.size()]["content"].get_ref<const std::string&>();
    const TokenizedText tokens = tokenizer->tokenize(text + token + next);
    for (const std::int32_t id : tokens.ids) digest.add_integer(static_cast<std::uint32_t>(id));
    digest.add_integer(~0U);
    count += tokens.ids.size();
    text = std::move(next);
  }
  EXPECT_EQ(count, form["digest"][0]);
  EXPECT_EQ(digest.value(), form["digest"][1]);
}

TEST_P(AddedTokens, AreKnownByTheirContent) {
  for (const nlohmann::json& token : form["changes"]["added_tokens"]) {
    EXPECT_EQ(tokenizer->token(token["id"]), token["content"]);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, AddedTokens,
                         testing::Values("bert", "bert_cased", "bert_accents", "bpe", "bpe_nfc"),
                         [](const auto& form) { return std::string(form.param); });

TEST(AddedTokenHash, KnowsWhetherTextsAreSearchedBehindTheNormalizer) {
  nlohmann::json document = document_of(golden()["bert"]);
  document["added_tokens"] = nlohmann::json::array({document["added_tokens"][0]});
  const std::uint64_t normalized = load_document(document)->hash();
  document["added_tokens"][0]["normalized"] = false;
  EXPECT_NE(load_document(document)->hash(), normalized);
}

TEST(AddedTokenErrors, NothingIsLeftOfAToken) {
  nlohmann::json document = document_of(golden()["bert"]);
  document["added_tokens"][1]["content"] = "\u0001\u200b";
  test::expect_error(ErrorCode::kUnsupported,
                     "added_tokens[1].id: expected a token of which the normalizer leaves "
                     "something, found \"\\u0001",
                     [&] { (void)load_document(document); });
}

}  // namespace
}  // namespace deformer
