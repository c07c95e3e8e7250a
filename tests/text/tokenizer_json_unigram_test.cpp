#include "text/tokenizer_json_unigram.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "base/base64.h"
#include "deformer/error.h"
#include "support/expect_error.h"
#include "text/sentencepiece_golden.h"
#include "text/text_normalizer.h"
#include "text/unigram_golden.h"

namespace deformer {
namespace {

const std::map<std::string, std::vector<std::string>> kUnigramModes = {
    {"xlmr", {"small", "default"}},
    {"albert", {"small", "default", "keep_accents", "cased", "added"}},
    {"deberta", {"small", "default", "lower", "punctuation", "five"}}};

nlohmann::json ids_of(const nlohmann::json& tokens) {
  nlohmann::json ids = nlohmann::json::array();
  for (const nlohmann::json& token : tokens) ids.push_back(token[0]);
  return ids;
}

class UnigramJson : public testing::TestWithParam<std::string> {
 protected:
  template <typename Check>
  void for_all_rows(const Check& check) {
    const auto rows = test::load_json_lines(test::encoder_golden_path(GetParam()) / "texts.jsonl");
    ASSERT_GT(rows.size(), 400u);
    for (const std::string& mode : kUnigramModes.at(GetParam())) {
      const auto tokenizer = test::load_document(test::unigram_document(GetParam(), mode));
      for (const nlohmann::json& row : rows) {
        const nlohmann::json& expected = row.contains(mode) ? row[mode] : row["default"];
        SCOPED_TRACE(mode + " of " + row.find(row.contains("text") ? "text" : "bytes")->dump());
        check(*tokenizer, test::text_of(row), expected);
      }
    }
  }
};

TEST_P(UnigramJson, IdsAreThoseOfTheReferenceOnHardTexts) {
  for_all_rows(
      [](const Tokenizer& tokenizer, const std::string& text, const nlohmann::json& expected) {
        EXPECT_EQ(nlohmann::json(tokenizer.tokenize(text).ids), ids_of(expected));
      });
}

void expect_rising_spans(const TokenizedText& tokens, const std::string& text) {
  std::uint32_t last = 0;
  for (const ByteSpan& span : tokens.spans) {
    EXPECT_LT(span.begin, span.end);
    EXPECT_LE(span.end, text.size());
    EXPECT_LE(last, span.begin);
    last = span.begin;
  }
}

// The reference gives a character that several become of to the first of them, and that several
// become one of to the first of these; here all share it. Where the first characters of a text are
// dropped its spans are off by as many.
TEST_P(UnigramJson, SpansAreNearlyAlwaysThoseOfTheReference) {
  std::size_t compared = 0;
  std::size_t equal = 0;
  for_all_rows(
      [&](const Tokenizer& tokenizer, const std::string& text, const nlohmann::json& expected) {
        const TokenizedText tokens = tokenizer.tokenize(text);
        expect_rising_spans(tokens, text);
        ASSERT_EQ(tokens.spans.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
          if (expected[i].size() == 1) continue;
          const ByteSpan& span = tokens.spans[i];
          ++compared;
          equal += span.begin == expected[i][1] && span.end == expected[i][2] ? 1 : 0;
        }
      });
  EXPECT_GT(static_cast<double>(equal), 0.97 * static_cast<double>(compared))
      << equal << " of " << compared;
}

TEST_P(UnigramJson, IdsAreThoseOfTheReferenceOnRandomTexts) {
  const nlohmann::json golden = load_json(test::encoder_golden_path(GetParam()) / "random.json");
  for (const std::string& mode : kUnigramModes.at(GetParam())) {
    const auto tokenizer = test::load_document(test::unigram_document(GetParam(), mode));
    test::RandomTexts texts(golden);
    for (const nlohmann::json& expected : golden["digests"][mode]) {
      std::vector<std::string> batch;
      for (int i = 0; i < golden["texts_per_digest"]; ++i) batch.push_back(texts.next());
      EXPECT_EQ(test::id_digest(*tokenizer, batch),
                (std::vector<std::uint32_t>{expected[0], expected[1]}))
          << mode;
    }
  }
}

void add_result(test::Crc32& digest, const NormalizerStep& step, char32_t c) {
  for (const SourcedChar& made : apply_step(step, {{c, {0, 1}}})) {
    digest.add_integer(made.code_point);
  }
  digest.add_integer(~0u);
}

// What each code point becomes by itself.
std::vector<std::uint32_t> digests_of(const NormalizerStep& step) {
  std::vector<std::uint32_t> planes;
  for (char32_t plane = 0; plane < 0x110000; plane += 0x10000) {
    test::Crc32 digest;
    for (char32_t c = plane; c < plane + 0x10000; ++c) {
      if (c < 0xD800 || c >= 0xE000) add_result(digest, step, c);
    }
    planes.push_back(digest.value());
  }
  return planes;
}

TEST(NormalizerStep, DoesToEveryCodePointWhatTheReferenceDoes) {
  using Kind = NormalizerStep::Kind;
  const auto home = test::encoder_golden_path("albert");
  const nlohmann::json golden = load_json(home / "normalizers.json");
  const auto planes = [&](const char* name) {
    return golden[name].get<std::vector<std::uint32_t>>();
  };
  EXPECT_EQ(digests_of({.kind = Kind::kNfkd}), planes("NFKD"));
  EXPECT_EQ(digests_of({.kind = Kind::kStripAccents}), planes("StripAccents"));
  EXPECT_EQ(digests_of({.kind = Kind::kLowercase}), planes("Lowercase"));
  const nlohmann::json document = load_json(home / "tokenizer.json");
  for (const nlohmann::json& step : document["normalizer"]["normalizers"]) {
    if (step["type"] != "Precompiled") continue;
    const auto blob = decode_base64(step["precompiled_charsmap"].get<std::string>());
    ASSERT_TRUE(blob.has_value());
    const NormalizerStep table{.kind = Kind::kPrecompiled,
                               .charsmap = std::make_shared<const PrecompiledCharsmap>(*blob, "t")};
    EXPECT_EQ(digests_of(table), planes("Precompiled"));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, UnigramJson, testing::Values("xlmr", "albert", "deberta"),
                         [](const auto& kind) { return kind.param; });

SpecialTokens special_of(const nlohmann::json& document) {
  return test::load_document(document)->special_tokens();
}

TEST(LoadUnigramJson, KnowsTheSpecialTokensOfEachFamily) {
  const auto models = std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/models";
  const auto expect = [&](const char* name, const SpecialTokens& expected) {
    const SpecialTokens found = special_of(load_json(models / name / "tokenizer.json"));
    EXPECT_EQ(found.cls, expected.cls) << name;
    EXPECT_EQ(found.sep, expected.sep) << name;
    EXPECT_EQ(found.pad, expected.pad) << name;
    EXPECT_EQ(found.unk, expected.unk) << name;
  };
  expect("xlmr-joint", {.cls = 0, .sep = 2, .pad = 1, .unk = 3});
  expect("camembert-joint", {.cls = 5, .sep = 6, .pad = 1, .unk = 3});
  expect("albert-joint", {.cls = 2, .sep = 3, .pad = 0, .unk = 1});
  expect("deberta-v3-joint", {.cls = 1, .sep = 2, .pad = 0, .unk = 3});
}

// As transformers 5 writes it for a SentencePiece model.
TEST(LoadUnigramJson, ATemplateOfTheTextsAloneNamesNoTokens) {
  nlohmann::json document = test::unigram_document("deberta", "small");
  const SpecialTokens named = special_of(document);
  document["post_processor"]["single"] =
      nlohmann::json::parse(R"([{"Sequence": {"id": "A", "type_id": 0}}])");
  EXPECT_EQ(special_of(document).cls, named.cls);
  EXPECT_EQ(special_of(document).sep, named.sep);
}

// XLNet's stand behind a text.
TEST(LoadUnigramJson, KnowsXlnetsSpecialTokens) {
  nlohmann::json document = test::unigram_document("albert", "small");
  nlohmann::json& pieces = document["model"]["vocab"];
  pieces[2][0] = document["added_tokens"][2]["content"] = "<cls>";
  pieces[3][0] = document["added_tokens"][3]["content"] = "<sep>";
  nlohmann::json& single = document["post_processor"]["single"];
  single = nlohmann::json::parse(R"([{"Sequence": {"id": "A", "type_id": 0}},
                                     {"SpecialToken": {"id": "<sep>", "type_id": 0}},
                                     {"SpecialToken": {"id": "<cls>", "type_id": 2}}])");
  EXPECT_EQ(special_of(document).cls, 2);
  EXPECT_EQ(special_of(document).sep, 3);
  document.erase("post_processor");
  EXPECT_EQ(special_of(document).cls, 2);
  EXPECT_EQ(special_of(document).sep, 3);
}

TEST(LoadUnigramJson, NamesTokensBehindThePieces) {
  const auto tokenizer = test::load_document(test::unigram_document("deberta", "small"));
  EXPECT_EQ(tokenizer->vocab_size(), 208);
  EXPECT_EQ(tokenizer->token(207), "[MASK]");
  EXPECT_EQ(tokenizer->token(3), "[UNK]");
}

// As files of before 2024 say the same.
TEST(LoadUnigramJson, ReadsTheWordsOfOlderFiles) {
  nlohmann::json document = test::unigram_document("xlmr", "small");
  const auto modern = test::load_document(document);
  document["pre_tokenizer"] = nlohmann::json::parse(
      R"({"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": true}]})");
  document["normalizer"] = document["normalizer"]["normalizers"][0];
  const auto older = test::load_document(document);
  const std::string text = "The first  river,\tand a king.\n";
  EXPECT_EQ(older->tokenize(text).ids, modern->tokenize("The first river, and a king.").ids);
  EXPECT_NE(older->hash(), modern->hash());
}

TEST(LoadUnigramJson, ItsHashDependsOnPiecesScoresAndSteps) {
  const nlohmann::json document = test::unigram_document("albert", "small");
  const std::uint64_t hash = test::load_document(document)->hash();
  EXPECT_EQ(test::load_document(document)->hash(), hash);
  nlohmann::json score = document;
  score["model"]["vocab"][50][1] = -1.25;
  EXPECT_NE(test::load_document(score)->hash(), hash);
  EXPECT_NE(test::load_document(test::unigram_document("albert", "cased"))->hash(), hash);
}

class RefusedUnigramJson : public testing::Test {
 protected:
  void expect_refused(ErrorCode code, const std::string& message) {
    test::expect_error(code, message, [&] { (void)test::load_document(document_); });
    document_ = test::unigram_document("deberta", "small");
  }

  nlohmann::json document_ = test::unigram_document("deberta", "small");
};

TEST_F(RefusedUnigramJson, NamesWhatItDoesNotUnderstand) {
  const ErrorCode unsupported = ErrorCode::kUnsupported;
  document_["normalizer"]["normalizers"][0] = {{"type", "Nmt"}};
  expect_refused(unsupported, "normalizer.normalizers[0].type: expected Sequence, Precompiled");
  document_["normalizer"]["normalizers"][2]["pattern"]["Regex"] = "a+";
  expect_refused(unsupported, "normalizer.normalizers[2].pattern.Regex: expected \" {2,}\"");
  document_["pre_tokenizer"] = {{"type", "ByteLevel"}};
  expect_refused(unsupported, "pre_tokenizer.type: expected Sequence, Metaspace");
  document_["pre_tokenizer"]["pretokenizers"][0]["prepend_scheme"] = "first";
  expect_refused(unsupported, "prepend_scheme: expected \"always\", found \"first\"");
  document_["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
  expect_refused(unsupported, "pre_tokenizer: expected a Metaspace");
  document_["model"]["byte_fallback"] = true;
  expect_refused(unsupported, "model.byte_fallback: expected false, found true");
  document_["model"]["temperature"] = 1;
  expect_refused(unsupported, "expected no key but those known here, found \"temperature\"");
  document_["added_tokens"][4]["special"] = false;
  document_["added_tokens"][4]["lstrip"] = true;
  expect_refused(unsupported, "added_tokens[4].lstrip: expected false, found true");
  document_["added_tokens"][4]["special"] = false;
  document_["added_tokens"][4]["normalized"] = true;
  expect_refused(unsupported, "added_tokens[4].normalized: expected false, found true");
  document_["post_processor"] = {{"type", "ByteLevel"}};
  expect_refused(unsupported, "post_processor.type: expected TemplateProcessing");
}

TEST_F(RefusedUnigramJson, NamesWhatIsBroken) {
  const ErrorCode corrupt = ErrorCode::kCorrupt;
  document_["model"]["unk_id"] = 207;
  expect_refused(corrupt, "model.unk_id: expected an id below 207, found 207");
  document_["added_tokens"][1]["id"] = 7;
  expect_refused(corrupt, "added_tokens[1].id: expected 1, the id in the vocabulary, found 7");
  document_["normalizer"]["normalizers"][1]["precompiled_charsmap"] = "AAA?";
  expect_refused(corrupt, "precompiled_charsmap: expected base64");
  document_["normalizer"]["normalizers"][1]["precompiled_charsmap"] = "AAQA";
  expect_refused(corrupt, "precompiled_charsmap: expected a table of replacements");
}

TEST_F(RefusedUnigramJson, AChainOfReplacementsHasAnEnd) {
  nlohmann::json& steps = document_["normalizer"]["normalizers"];
  steps = nlohmann::json::array();
  for (int i = 0; i < 40; ++i) {
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  }
  const auto tokenizer = test::load_document(document_);
  test::expect_error(ErrorCode::kUnsupported, "normalizer: expected at most 64 characters",
                     [&] { (void)tokenizer->tokenize("a b a"); });
}

// A mark may be a word of its own: none looks for the end of all.
TEST(UnigramTokenizer, ReadsLongRunsOfMarksInTheTimeOfTheirLength) {
  nlohmann::json document = test::unigram_document("deberta", "small");
  document["normalizer"]["normalizers"] = nlohmann::json::array();
  const auto tokenizer = test::load_document(document);
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += "\xE2\x96\x81";
  const auto start = std::chrono::steady_clock::now();
  const TokenizedText tokens = tokenizer->tokenize(text + " a");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  ASSERT_GT(tokens.spans.size(), 100'000U);
  // What has nothing of its own has the next character that is something.
  EXPECT_EQ(tokens.spans.front().end, text.size() + 2);
}

TEST_F(RefusedUnigramJson, TheTwoFilesMustAgree) {
  const test::TempDir dir;
  write_file(dir / "tokenizer.json", document_.dump());
  write_file(dir / "tokenizer_config.json", R"({"cls_token": "[SEP]"})");
  test::expect_error(ErrorCode::kIncompatible, "cls_token: expected \"[CLS]\" as in tokenizer.json",
                     [&] { (void)load_tokenizer(dir.path()); });
}

TEST(LoadUnigramJson, BesideASentencePieceModelItsPiecesMustBeTheSame) {
  const test::TempDir dir;
  const auto home = test::small_tokenizer_path("deberta");
  for (const char* name : {"spm.model", "tokenizer.json"}) {
    std::filesystem::copy_file(home / name, dir / name);
  }
  EXPECT_EQ(load_tokenizer(dir.path())->vocab_size(), 207) << "spm.model counts";
  nlohmann::json document = test::unigram_document("deberta", "small");
  document["model"]["vocab"][9][0] = "other";
  write_file(dir / "tokenizer.json", document.dump());
  test::expect_error(ErrorCode::kIncompatible,
                     "tokenizer.json: expected the pieces of " + (dir / "spm.model").string() +
                         ", found piece 9 \"other\" instead of",
                     [&] { (void)load_tokenizer(dir.path()); });
  EXPECT_NE(load_tokenizer(dir.path(), "spm.model")->token(9), "other");
  EXPECT_EQ(load_tokenizer(dir.path(), "tokenizer.json")->token(9), "other");
}

// A table that leads anywhere is refused or used, and never read beyond its end.
TEST(PrecompiledCharsmap, ADamagedTableIsRefusedOrWorks) {
  const nlohmann::json document = test::unigram_document("albert", "small");
  std::string blob;
  for (const nlohmann::json& step : document["normalizer"]["normalizers"]) {
    if (step["type"] == "Precompiled") {
      blob = *decode_base64(step["precompiled_charsmap"].get<std::string>());
    }
  }
  const SourcedChars chars = decode_chars("a\t\uFF11 e\u0301 \uFB01 x\u200B\u3000");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < blob.size(); ++at) {
    std::string damaged = blob;
    damaged[at] = static_cast<char>(~damaged[at]);
    for (const std::string& bytes : {damaged, blob.substr(0, at)}) {
      try {
        (void)PrecompiledCharsmap(bytes, "t").apply(chars);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 3u);
}

TEST(Base64, DecodesWhatRfc4648Has) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decode_base64("+/+/"), "\xFB\xFF\xBF");
  EXPECT_FALSE(decode_base64("Zg").has_value());
  EXPECT_FALSE(decode_base64("Z===").has_value());
  EXPECT_FALSE(decode_base64("Zm9v YmF").has_value());
}

}  // namespace
}  // namespace deformer
