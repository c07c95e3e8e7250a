#include "text/tokenizer_config.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

TokenizerConfig load_config(const std::string& json) {
  const test::TempDir dir;
  write_file(dir / "tokenizer_config.json", json);
  return load_tokenizer_config(dir.path());
}

void expect_defaults(const TokenizerConfig& config) {
  EXPECT_TRUE(config.do_lower_case);
  EXPECT_EQ(config.strip_accents, std::nullopt);
  EXPECT_TRUE(config.tokenize_chinese_chars);
  EXPECT_EQ(config.cls_token, "[CLS]");
  EXPECT_EQ(config.sep_token, "[SEP]");
  EXPECT_EQ(config.pad_token, "[PAD]");
  EXPECT_EQ(config.unk_token, "[UNK]");
}

TEST(TokenizerConfig, HasDefaultsWithoutAFile) {
  const test::TempDir dir;
  expect_defaults(load_tokenizer_config(dir.path()));
}

TEST(TokenizerConfig, HasDefaultsForAbsentAndNullKeys) {
  expect_defaults(load_config("{}"));
  expect_defaults(load_config(R"({"strip_accents": null, "do_lower_case": null, "cls_token": null,
                           "tokenizer_class": "BertTokenizer", "model_max_length": 512})"));
}

TEST(TokenizerConfig, ReadsAllKeys) {
  const TokenizerConfig config = load_config(
      R"({"do_lower_case": false, "strip_accents": true, "tokenize_chinese_chars": false,
          "cls_token": "<c>", "sep_token": {"content": "<s>", "lstrip": false}, "pad_token": "<p>",
          "unk_token": {"__type": "AddedToken", "content": "<u>"}})");
  EXPECT_FALSE(config.do_lower_case);
  EXPECT_EQ(config.strip_accents, true);
  EXPECT_FALSE(config.tokenize_chinese_chars);
  EXPECT_EQ(config.cls_token, "<c>");
  EXPECT_EQ(config.sep_token, "<s>");
  EXPECT_EQ(config.pad_token, "<p>");
  EXPECT_EQ(config.unk_token, "<u>");
}

TEST(TokenizerConfig, RefusesWrongTypes) {
  test::expect_error(ErrorCode::kCorrupt, "do_lower_case: expected a boolean, found a string",
                     [] { load_config(R"({"do_lower_case": "yes"})"); });
  test::expect_error(ErrorCode::kCorrupt, "expected a key \"content\"",
                     [] { load_config(R"({"cls_token": {}})"); });
  test::expect_error(ErrorCode::kCorrupt, "expected a string, found a number",
                     [] { load_config(R"({"unk_token": 1})"); });
  test::expect_error(ErrorCode::kCorrupt, "tokenizer_config.json: expected an object",
                     [] { load_config("[]"); });
  test::expect_error(ErrorCode::kCorrupt, "broken JSON", [] { load_config("{"); });
}

}  // namespace
}  // namespace deformer
