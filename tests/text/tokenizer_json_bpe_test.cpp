#include "text/tokenizer_json_bpe.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/bpe_golden.h"

namespace deformer {
namespace {

using nlohmann::json;

class TokenizerJsonBpe : public testing::Test {
 protected:
  using Change = std::function<void(json& file)>;

  std::unique_ptr<const Tokenizer> load(const Change& change = [](json&) {}) {
    json file = golden_;
    change(file);
    write_file(dir_ / "tokenizer.json", file.dump());
    return load_tokenizer(dir_.path());
  }
  void expect_error(ErrorCode code, const std::string& message, const Change& change) {
    test::expect_error(code, (dir_ / "tokenizer.json").string() + ": " + message,
                       [&] { (void)load(change); });
  }
  void write_config(const std::string& text) { write_file(dir_ / "tokenizer_config.json", text); }

  test::TempDir dir_;
  json golden_ = test::load_bpe_golden("saved/tokenizer.json");
};

TEST_F(TokenizerJsonBpe, IsTheSameAsItsTwoFiles) {
  const auto hash = test::make_bpe_tokenizer("default").hash();
  EXPECT_EQ(load()->hash(), hash);
  write_config(read_file(test::bpe_golden_path("saved/tokenizer_config.json")));
  EXPECT_EQ(load()->hash(), hash);
  EXPECT_EQ(load([](json& file) {
              for (json& rule : file["model"]["merges"]) {
                rule = rule[0].get<std::string>() + " " + rule[1].get<std::string>();
              }
            })->hash(),
            hash)
      << "rules as tokenizers wrote them before 0.20";
}

TEST_F(TokenizerJsonBpe, AddPrefixSpaceMustBeSaidTwice) {
  const Change add = [](json& file) { file["pre_tokenizer"]["add_prefix_space"] = true; };
  expect_error(ErrorCode::kIncompatible,
               "pre_tokenizer.add_prefix_space: expected tokenizer_config.json to say", add);
  write_config(R"({"add_prefix_space": true})");
  EXPECT_EQ(load(add)->hash(), test::make_bpe_tokenizer("prefix").hash());
  test::expect_error(ErrorCode::kIncompatible,
                     "tokenizer_config.json: add_prefix_space: expected false as in tokenizer.json",
                     [&] { (void)load(); });
}

TEST_F(TokenizerJsonBpe, ReadsTheNormalizer) {
  const auto nfc = load([](json& file) { file["normalizer"] = {{"type", "NFC"}}; });
  EXPECT_EQ(nfc->hash(), test::make_bpe_tokenizer("nfc").hash());
  EXPECT_NE(nfc->hash(), load()->hash());
}

TEST_F(TokenizerJsonBpe, ReadsTheFormsOfThePostProcessor) {
  const auto hash = load()->hash();
  EXPECT_EQ(load([](json& file) { file["post_processor"] = nullptr; })->hash(), hash);
  EXPECT_EQ(load([](json& file) {
              file["post_processor"] = {{"type", "ByteLevel"}, {"trim_offsets", true}};
            })->hash(),
            hash);
  const auto other = load([](json& file) {
    file["post_processor"] = json::parse(R"({"type": "TemplateProcessing", "pair": [],
        "single": [{"SpecialToken": {"id": "<unk>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "<pad>", "type_id": 0}}], "special_tokens": {}})");
  });
  EXPECT_EQ(other->special_tokens().cls, 3);
  EXPECT_EQ(other->special_tokens().sep, 1);
}

TEST_F(TokenizerJsonBpe, SpecialTokensMayStandInTheAddedOnesAlone) {
  const auto hash = load()->hash();
  EXPECT_EQ(load([](json& file) {
              for (const char* token : {"<s>", "</s>", "<pad>", "<mask>"}) {
                file["model"]["vocab"].erase(token);
              }
            })->hash(),
            hash);
}

TEST_F(TokenizerJsonBpe, RefusesByNameWhatItDoesNotUnderstand) {
  const auto refused = [&](const std::string& pointer, const json& value,
                           const std::string& message) {
    expect_error(ErrorCode::kUnsupported, message,
                 [&](json& file) { file[json::json_pointer(pointer)] = value; });
  };
  refused("/model/dropout", 0.1, "model.dropout: expected null, found 0.1");
  refused("/model/continuing_subword_prefix", "##",
          "model.continuing_subword_prefix: expected null, found \"##\"");
  refused("/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix: expected null");
  refused("/model/fuse_unk", true, "model.fuse_unk: expected false, found true");
  refused("/model/byte_fallback", true, "model.byte_fallback: expected false");
  refused("/model/ignore_merges", true, "model.ignore_merges: expected false");
  refused("/model/new", 1, "model: expected no key but those known here, found \"new\"");
  refused("/model/merges/0", json::array({"a"}), "model.merges[0]: expected two tokens");
  refused("/normalizer", {{"type", "NFKC"}}, "normalizer.type: expected NFC, found \"NFKC\"");
  refused("/normalizer", "NFC", "normalizer: expected null or an NFC, found \"NFC\"");
  refused("/pre_tokenizer/type", "Metaspace", "pre_tokenizer.type: expected ByteLevel");
  refused("/pre_tokenizer/use_regex", false, "pre_tokenizer.use_regex: expected true, found false");
  refused("/pre_tokenizer", nullptr, "pre_tokenizer: expected a ByteLevel, found null");
  refused("/post_processor/type", "BertProcessing", "post_processor.type: expected Roberta");
  refused("/post_processor/cls/1", 3, "post_processor.cls[1]: expected the id of <s>");
  refused("/added_tokens/0", {{"id", 0}, {"content", "<s>"}, {"special", false}, {"lstrip", true}},
          "added_tokens[0].lstrip: expected false, found true");
}

TEST_F(TokenizerJsonBpe, NamesWhatIsBroken) {
  expect_error(ErrorCode::kCorrupt, "model.merges[3]: expected a token of the vocabulary, found",
               [](json& file) {
                 file["model"]["merges"][3] = {"a", "\u4E2D"};
               });
  expect_error(ErrorCode::kCorrupt, "model.merges[3]: expected a rule that makes a token",
               [](json& file) { file["model"]["merges"][3] = "Q Z"; });
  expect_error(ErrorCode::kCorrupt, "model.vocab: expected a token for every id below 1202",
               [](json& file) {
                 file["model"]["vocab"]["new"] = 1201;
                 file["model"]["vocab"].erase("!");
               });
  expect_error(ErrorCode::kCorrupt, "added_tokens[0].id: expected 0, the id in the vocabulary",
               [](json& file) { file["added_tokens"][0]["id"] = 7000; });
  // Not a place for each number below it.
  expect_error(ErrorCode::kCorrupt, "added_tokens[5].id: expected an id below ", [](json& file) {
    json token = file["added_tokens"][0];
    token["content"] = "<far>";
    token["id"] = 16'777'215;
    file["added_tokens"].push_back(token);
  });
  expect_error(ErrorCode::kUnsupported,
               "model.vocab: expected a token for every byte, or model.unk_token, found none",
               [](json& file) {
                 json& vocabulary = file["model"]["vocab"];
                 vocabulary["QZQ"] = vocabulary["Q"];
                 vocabulary.erase("Q");
                 file["model"]["merges"] = json::array();
               });
}

}  // namespace
}  // namespace deformer
