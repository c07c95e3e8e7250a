#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/golden.h"

namespace deformer {
namespace {

using nlohmann::json;
using test::TempDir;

// A small file in the form of transformers 5 (tests/golden/tokenizer/tokenizer.json).
json small_tokenizer() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false,
       "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                   "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100,
              "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "A": 5, "##b": 6}}})");
}
constexpr std::string_view kSmallVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nA\n##b\n";

class TokenizerJson : public testing::Test {
 protected:
  using Change = std::function<void(json& file)>;

  std::unique_ptr<const Tokenizer> load(const Change& change = [](json&) {}) {
    json file = small_tokenizer();
    change(file);
    write_file(directory_ / "tokenizer.json", file.dump());
    return load_tokenizer(directory_.path());
  }
  void expect_refused(ErrorCode code, const std::string& message, const Change& change) {
    test::expect_error(code, (directory_ / "tokenizer.json").string() + ": " + message,
                       [&] { (void)load(change); });
  }
  void write_config(const std::string& text) {
    write_file(directory_ / "tokenizer_config.json", text);
  }

  TempDir directory_;
};

// Golden: tests/golden/tokenizer, Hugging Face's ids.
TEST_F(TokenizerJson, GivesTheReferencesIdsAndTheHashOfVocabTxt) {
  const json golden = test::load_golden("tokenizer.json");
  const std::string vocabulary = read_file(test::golden_path("vocab.txt"));
  for (const std::string mode : {"uncased", "cased", "lower_keep_accents", "cased_strip_accents",
                                 "uncased_keep_ideographs"}) {
    SCOPED_TRACE(mode);
    const TokenizerConfig config = test::config_of_mode(mode);
    const WordPieceTokenizer expected(vocabulary, config, "vocab.txt");
    const auto tokenizer = load([&](json& file) {
      file = golden;
      file["normalizer"]["lowercase"] = config.do_lower_case;
      file["normalizer"]["handle_chinese_chars"] = config.tokenize_chinese_chars;
      if (config.strip_accents) file["normalizer"]["strip_accents"] = *config.strip_accents;
    });
    EXPECT_EQ(tokenizer->hash(), expected.hash());
    EXPECT_EQ(tokenizer->vocab_size(), expected.vocab_size());
    for (const json& row : test::load_golden_lines("texts.jsonl")) {
      std::vector<std::int32_t> ids;
      for (const json& token : row.at(mode)) ids.push_back(token[0]);
      ASSERT_EQ(tokenizer->tokenize(test::text_of(row)).ids, ids);
    }
  }
}

TEST_F(TokenizerJson, ReadsBothFormsOfThePostProcessor) {
  const auto bert = load();
  EXPECT_EQ(bert->special_tokens().cls, 2);
  EXPECT_EQ(bert->special_tokens().sep, 3);
  const auto none = load([](json& file) { file["post_processor"] = nullptr; });
  EXPECT_EQ(none->hash(), bert->hash());
  write_config(R"({"cls_token": "a"})");
  EXPECT_EQ(load([](json& file) { file["post_processor"] = nullptr; })->special_tokens().cls, 4);
}

TEST_F(TokenizerJson, OldFilesDoNotNameTheirModel) {
  const auto hash = load()->hash();
  EXPECT_EQ(load([](json& file) { file["model"].erase("type"); })->hash(), hash);
}

TEST_F(TokenizerJson, AMissingIdIsOneThatNoTextGets) {
  const auto tokenizer = load([](json& file) { file["model"]["vocab"]["c"] = 9; });
  EXPECT_EQ(tokenizer->vocab_size(), 10);
  EXPECT_EQ(tokenizer->token(8), "");
  EXPECT_EQ(tokenizer->tokenize("c ab").ids, (std::vector<std::int32_t>{9, 4, 6}));
}

TEST_F(TokenizerJson, WhatDoesNotConcernIdsMayBeAnything) {
  const auto hash = load()->hash();
  const auto other = load([](json& file) {
    file["truncation"] = {{"max_length", 512}};
    file["padding"] = {{"strategy", "BatchLongest"}};
    file["decoder"] = {{"type", "Other"}};
  });
  EXPECT_EQ(other->hash(), hash);
}

TEST_F(TokenizerJson, RefusesByNameWhatItDoesNotUnderstand) {
  const auto refused = [&](const std::string& pointer, const json& value,
                           const std::string& message) {
    expect_refused(ErrorCode::kUnsupported, message,
                   [&](json& file) { file[json::json_pointer(pointer)] = value; });
  };
  refused("/model/type", "WordLevel",
          "model.type: expected a model of type WordPiece, BPE or Unigram, found \"WordLevel\"");
  refused("/model/dropout", 0.1, "model: expected no key but those known here, found \"dropout\"");
  refused("/model/continuing_subword_prefix", "@@",
          R"(model.continuing_subword_prefix: expected "##", found "@@")");
  refused("/model/max_input_chars_per_word", 50,
          "model.max_input_chars_per_word: expected 100, found 50");
  refused("/version", "2.0", R"(version: expected "1.0", found "2.0")");
  refused("/extra", 1, "expected no key but those known here, found \"extra\"");
  refused("/normalizer", nullptr, "normalizer: expected a BertNormalizer, found null");
  refused("/normalizer/type", "NFC", "normalizer.type: expected BertNormalizer, found \"NFC\"");
  refused("/normalizer/clean_text", false, "normalizer.clean_text: expected true, found false");
  refused("/normalizer/new", 1, "normalizer: expected no key but those known here, found \"new\"");
  refused("/pre_tokenizer/type", "Whitespace", "pre_tokenizer.type: expected BertPreTokenizer");
  refused("/post_processor/type", "ByteLevel",
          "post_processor.type: expected TemplateProcessing, BertProcessing or RobertaProcessing");
  refused("/post_processor/cls/1", 3,
          "post_processor.cls[1]: expected the id of [CLS] in the vocabulary, found 3");
}

TEST_F(TokenizerJson, CutsATextAtTokensThatWereAdded) {
  const auto add = [](json& file) {
    for (const auto& [content, id] : {std::pair("B-a", 9), std::pair("B", 7)}) {
      json token = file["added_tokens"][0];
      token.update({{"id", id}, {"content", content}, {"special", false}});
      file["added_tokens"].push_back(token);
    }
  };
  const auto tokenizer = load(add);
  const TokenizedText tokens = tokenizer->tokenize("aB AbB-a");
  EXPECT_EQ(tokens.ids, (std::vector<std::int32_t>{4, 7, 4, 6, 9}));
  EXPECT_EQ(tokens.spans, (std::vector<ByteSpan>{{0, 1}, {1, 2}, {3, 4}, {4, 5}, {5, 8}}));
  EXPECT_EQ(tokenizer->vocab_size(), 10);
  EXPECT_EQ(tokenizer->token(9), "B-a");
  EXPECT_EQ(tokenizer->token(8), "") << "an id of no token";
  EXPECT_EQ(tokenizer->token(4), "a");
  EXPECT_THROW((void)tokenizer->token(10), Error);
  EXPECT_NE(tokenizer->hash(), load()->hash());
  const auto refused = [&](const char* key, const json& value, const std::string& message) {
    expect_refused(ErrorCode::kUnsupported, "added_tokens[1]." + message, [&](json& file) {
      add(file);
      file["added_tokens"][1][key] = value;
    });
  };
  refused("single_word", true, "single_word: expected false, found true");
  refused("rstrip", true, "rstrip: expected false, found true");
  refused("content", "", "content: expected a text, found \"\"");
}

// transformers 4 writes both files; vocab.txt has no such tokens, and a text would get other ids.
TEST_F(TokenizerJson, VocabTxtDoesNotKnowTokensThatWereAdded) {
  write_file(directory_ / "vocab.txt", kSmallVocabulary);
  write_config(R"({"added_tokens_decoder": {"0": {"content": "[PAD]", "special": true},
                                            "5": {"content": "A", "special": false}}})");
  EXPECT_EQ(load()->vocab_size(), 7) << "A is a token of vocab.txt";
  write_config(R"({"added_tokens_decoder": {"7": {"content": "foo", "special": false}}})");
  test::expect_error(ErrorCode::kUnsupported,
                     "tokenizer_config.json: added_tokens_decoder: expected tokens of vocab.txt, "
                     "found \"foo\"; tokenizer.json knows added ones",
                     [&] { (void)load(); });
  EXPECT_EQ(load_tokenizer(directory_.path(), "vocab.txt")->vocab_size(), 7);
  write_config(R"({"added_tokens_decoder": {"x": {"content": "foo"}}})");
  test::expect_error(ErrorCode::kCorrupt,
                     "added_tokens_decoder: expected a token's id as key, found \"x\"",
                     [&] { (void)load(); });
}

// transformers before 4.34 wrote them into a file of their own.
TEST_F(TokenizerJson, VocabTxtDoesNotKnowTokensOfAddedTokensJson) {
  write_file(directory_ / "vocab.txt", kSmallVocabulary);
  write_file(directory_ / "added_tokens.json", R"({"A": 5, "[MASK]": 7})");
  EXPECT_EQ(load()->vocab_size(), 7) << "known, and special";
  write_file(directory_ / "added_tokens.json", R"({"zyx": 7})");
  test::expect_error(ErrorCode::kUnsupported,
                     "added_tokens.json: expected tokens of vocab.txt, found \"zyx\"",
                     [&] { (void)load(); });
  for (const char* file : {"special_tokens_map.json", "tokenizer_config.json"}) {
    write_file(directory_ / file,
               R"({"additional_special_tokens": ["zyx"], "cls_token": "[CLS]"})");
    EXPECT_EQ(load()->vocab_size(), 7) << file;
    std::filesystem::remove(directory_ / file);
  }
  EXPECT_EQ(load_tokenizer(directory_.path(), "vocab.txt")->vocab_size(), 7);
}

// transformers 4 wrote it beside vocab.txt, which does not name them.
TEST_F(TokenizerJson, VocabTxtDoesNotKnowAddedTokensOfTheFileBesideIt) {
  static_cast<void>(load([](json& file) {
    file["added_tokens"].push_back({{"id", 7}, {"content", "zyx"}, {"special", false}});
  }));
  write_file(directory_ / "vocab.txt", kSmallVocabulary);
  test::expect_error(ErrorCode::kUnsupported,
                     "tokenizer.json: added_tokens: expected tokens of vocab.txt, found \"zyx\"",
                     [&] { (void)load_tokenizer(directory_.path()); });
}

// As transformers 4.57 and 5 write them for MPNet.
TEST_F(TokenizerJson, MPNetHasTwoSeparatorsBetweenTheTexts) {
  const auto hash = load()->hash();
  const auto mpnet = load([](json& file) {
    json& post = file["post_processor"] = test::load_golden("tokenizer.json")["post_processor"];
    const json separator = post["pair"][2];
    post["pair"].insert(post["pair"].begin() + 3, separator);
  });
  EXPECT_EQ(mpnet->hash(), hash);
  EXPECT_EQ(load([](json& file) { file["post_processor"]["type"] = "RobertaProcessing"; })->hash(),
            hash);
}

TEST_F(TokenizerJson, RefusesAnotherOrderOfSpecialTokens) {
  const auto refused = [&](const std::string& pointer, const json& value,
                           const std::string& message) {
    expect_refused(ErrorCode::kUnsupported, message, [&](json& file) {
      file["post_processor"] = test::load_golden("tokenizer.json")["post_processor"];
      file[json::json_pointer("/post_processor" + pointer)] = value;
    });
  };
  const std::string order = ": expected BERT's or MPNet's order of special tokens and texts";
  refused("/single/1/Sequence/id", "B", "post_processor.single[1]" + order);
  refused("/pair/3/Sequence/type_id", 0, "post_processor.pair[3]" + order);
  refused("/single", json::array(), "post_processor.single: expected a special token");
  refused("/special_tokens/[SEP]/ids/0", 2,
          "post_processor.special_tokens.[SEP].ids[0]: expected the id of [SEP]");
}

TEST_F(TokenizerJson, NamesWhatIsBroken) {
  expect_refused(ErrorCode::kCorrupt, "model.vocab: \"a\": expected an integer, found a string",
                 [](json& file) { file["model"]["vocab"]["a"] = "4"; });
  expect_refused(ErrorCode::kCorrupt,
                 "model.vocab: \"a\": expected an id of its own, found that of",
                 [](json& file) { file["model"]["vocab"]["a"] = 5; });
  expect_refused(ErrorCode::kCorrupt, "model.vocab: \"a\": expected an id below ",
                 [](json& file) { file["model"]["vocab"]["a"] = -1; });
  // Not a place for each number below it.
  expect_refused(ErrorCode::kCorrupt, "model.vocab: \"a\": expected an id below ",
                 [](json& file) { file["model"]["vocab"]["a"] = 16'777'215; });
  expect_refused(ErrorCode::kCorrupt, "expected the special token \"[PAD]\"", [](json& file) {
    file["model"]["vocab"].erase("[PAD]");
    file["added_tokens"] = json::array();
  });
  expect_refused(ErrorCode::kCorrupt, "added_tokens[0].id: expected 0, the id in the vocabulary",
                 [](json& file) { file["added_tokens"][0]["id"] = 7; });
  expect_refused(ErrorCode::kCorrupt, "expected a key \"model\", found none",
                 [](json& file) { file.erase("model"); });
}

TEST_F(TokenizerJson, MustAgreeWithTokenizerConfig) {
  const auto refused = [&](const std::string& config, const std::string& message) {
    write_config(config);
    test::expect_error(ErrorCode::kIncompatible, "tokenizer_config.json: " + message,
                       [&] { (void)load(); });
  };
  refused(R"({"do_lower_case": false})",
          "do_lower_case: expected true as in tokenizer.json, found false");
  refused(R"({"strip_accents": false})", "strip_accents: expected true as in");
  refused(R"({"tokenize_chinese_chars": false})", "tokenize_chinese_chars: expected true");
  refused(R"({"unk_token": "a"})", "unk_token: expected \"[UNK]\"");
  refused(R"({"cls_token": "a"})", "cls_token: expected \"[CLS]\"");
  write_config(R"({"do_lower_case": true, "strip_accents": null, "pad_token": "a"})");
  EXPECT_EQ(load()->special_tokens().pad, 4) << "no other file names it";
}

TEST_F(TokenizerJson, BesideVocabTxtItMustHaveTheSameVocabulary) {
  write_file(directory_ / "vocab.txt", kSmallVocabulary);
  EXPECT_EQ(load()->vocab_size(), 7);
  const auto refused = [&](const std::string& message, const Change& change) {
    expect_refused(ErrorCode::kIncompatible,
                   "expected the vocabulary of " + (directory_ / "vocab.txt").string() +
                       ", found token " + message,
                   change);
  };
  refused(R"(4 "x" instead of "a")", [](json& file) {
    file["model"]["vocab"].erase("a");
    file["model"]["vocab"]["x"] = 4;
  });
  refused(R"(7 "c" instead of "")", [](json& file) { file["model"]["vocab"]["c"] = 7; });
  refused(R"(6 "" instead of "##b")", [](json& file) { file["model"]["vocab"].erase("##b"); });
  const auto unlike = load([](json& file) { file["model"] = {{"type", "BPE"}}; });
  EXPECT_EQ(unlike->vocab_size(), 7) << "vocab.txt alone counts";
}

TEST_F(TokenizerJson, BesideVocabTxtTheFileThatIsNamedCounts) {
  write_file(directory_ / "vocab.txt", kSmallVocabulary);
  expect_refused(ErrorCode::kIncompatible, "expected the vocabulary of",
                 [](json& file) { file["model"]["vocab"]["c"] = 7; });
  EXPECT_EQ(load_tokenizer(directory_.path(), "vocab.txt")->vocab_size(), 7);
  EXPECT_EQ(load_tokenizer(directory_.path(), "tokenizer.json")->vocab_size(), 8);
  test::expect_error(ErrorCode::kNotFound, "spiece.model",
                     [&] { (void)load_tokenizer(directory_.path(), "spiece.model"); });
  test::expect_error(ErrorCode::kInvalidArgument,
                     "tokenizer file: expected one of vocab.txt, vocab.json, spiece.model, "
                     "sentencepiece.bpe.model, spm.model, tokenizer.json, found \"words.txt\"",
                     [&] { (void)load_tokenizer(directory_.path(), "words.txt"); });
}

TEST_F(TokenizerJson, OfEqualLinesInVocabTxtTheLastIsTheOneToCompare) {
  write_file(directory_ / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nA\nA\n##b\n\n");
  EXPECT_EQ(load([](json& file) { file["model"]["vocab"].erase("a"); })->vocab_size(), 7);
}

}  // namespace
}  // namespace deformer
