// tests/golden/{roberta,xlmr,albert,deberta}_tokenizer with the files that are no tokenizer.json:
// vocab.json and merges.txt, SentencePiece models (make_golden_encoder_tokenizers.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "text/bpe_tokenizer.h"
#include "text/gpt2_words.h"
#include "text/sentencepiece_golden.h"
#include "text/sentencepiece_kind.h"
#include "text/unigram_golden.h"

namespace deformer {
namespace {

// A mode that a row does not have has the tokens of `default`.
const nlohmann::json& tokens_of(const nlohmann::json& row, const std::string& mode) {
  return row.contains(mode) ? row[mode] : row["default"];
}

std::string name_of(const nlohmann::json& row) {
  return row.find(row.contains("text") ? "text" : "bytes")->dump();
}

BpeTokenizer make_roberta(const std::string& mode) {
  BpeTables tables = load_bpe_tables(test::small_tokenizer_path("roberta"));
  TokenizerConfig config = bpe_tokenizer_defaults(tables.tokens);
  config.add_prefix_space = mode == "prefix";
  return {std::move(tables), config, "vocab.json", BpeTokenizer::Normalizer::kNone};
}

// A token of a single space has no span in the reference and that of the space here. With
// add_prefix_space the reference leaves the space to a first word that has one already.
void expect_tokens(const TokenizedText& tokens, const nlohmann::json& expected, bool keeps_space) {
  ASSERT_EQ(tokens.ids.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(tokens.ids[i], expected[i][0]);
    if (expected[i][1] == expected[i][2]) continue;
    const bool begins_with_space = keeps_space && i == 0 && expected[i][1] == 0;
    EXPECT_EQ(tokens.spans[i].begin, begins_with_space ? nlohmann::json(1) : expected[i][1]);
    EXPECT_EQ(tokens.spans[i].end, expected[i][2]);
  }
}

TEST(RobertaGolden, TokensAreThoseOfTheReferenceOnHardTexts) {
  const auto rows = test::load_json_lines(test::encoder_golden_path("roberta") / "texts.jsonl");
  ASSERT_GT(rows.size(), 400u);
  for (const std::string mode : {"default", "prefix"}) {
    const BpeTokenizer tokenizer = make_roberta(mode);
    for (const nlohmann::json& row : rows) {
      SCOPED_TRACE(mode + " of " + name_of(row));
      const std::string text = test::text_of(row);
      expect_tokens(tokenizer.tokenize(text), tokens_of(row, mode),
                    mode == "prefix" && text.starts_with(' '));
    }
  }
}

template <typename Make>
void expect_random_ids(const std::string& kind, const std::string& mode, const std::string& digests,
                       const Make& make) {
  const nlohmann::json golden = load_json(test::encoder_golden_path(kind) / "random.json");
  const auto tokenizer = make(mode);
  test::RandomTexts texts(golden);
  ASSERT_GE(golden["digests"][digests].size(), 20u);
  for (const nlohmann::json& expected : golden["digests"][digests]) {
    std::vector<std::string> batch;
    for (int i = 0; i < golden["texts_per_digest"]; ++i) batch.push_back(texts.next());
    EXPECT_EQ(test::id_digest(*tokenizer, batch),
              (std::vector<std::uint32_t>{expected[0], expected[1]}))
        << kind << ' ' << mode;
  }
}

TEST(RobertaGolden, IdsAreThoseOfTheReferenceOnRandomTexts) {
  const auto make = [](const std::string& mode) {
    return std::make_unique<const BpeTokenizer>(make_roberta(mode));
  };
  for (const char* mode : {"default", "prefix"}) expect_random_ids("roberta", mode, mode, make);
}

// Whether GPT-2's pattern keeps the character together with these neighbours.
bool stays_between(char32_t c, const std::string& neighbour) {
  std::string text = neighbour;
  append_utf8(text, c);
  text += neighbour;
  return gpt2_word_end(text, 0) == text.size();
}

void expect_class(const nlohmann::json& ranges, const std::string& neighbour) {
  char32_t next = 0;
  const auto expect_others = [&](char32_t end) {
    for (; next < end; ++next) {
      if (next >= 0xD800 && next < 0xE000) continue;
      EXPECT_FALSE(stays_between(next, neighbour)) << static_cast<std::uint32_t>(next);
    }
  };
  for (const nlohmann::json& range : ranges) {
    expect_others(range[0]);
    for (; next <= range[1].get<char32_t>(); ++next) {
      EXPECT_TRUE(stays_between(next, neighbour)) << static_cast<std::uint32_t>(next);
    }
  }
  expect_others(0x110000);
}

TEST(RobertaGolden, LettersNumbersAndSpacesAreThoseOfTheReference) {
  const nlohmann::json golden =
      load_json(test::encoder_golden_path("roberta") / "code_points.json");
  expect_class(golden["letters"], "a");
  expect_class(golden["numbers"], "1");
  expect_class(golden["spaces"], "\n");
}

struct PieceMode {
  const char* kind;
  const char* mode;

  friend void PrintTo(const PieceMode& mode, std::ostream* out) {
    *out << mode.kind << ' ' << mode.mode;
  }
};

class PieceGolden : public testing::TestWithParam<PieceMode> {
 protected:
  static std::unique_ptr<const Tokenizer> make() {
    const std::string name = GetParam().kind;
    const std::string mode = GetParam().mode;
    const SentencePieceKind& kind = name == "xlmr"     ? kXlmRobertaPieces
                                    : name == "albert" ? kAlbertPieces
                                                       : kDebertaPieces;
    TokenizerConfig config = sentencepiece_defaults(kind);
    config.keep_accents = mode == "keep_accents";
    if (mode == "cased") config.do_lower_case = false;
    if (mode == "lower") config.do_lower_case = true;
    const auto home =
        mode == "small" ? test::small_tokenizer_path(name) : test::encoder_golden_path(name);
    return std::make_unique<const SentencePieceTokenizer>(read_file(home / kind.file), kind, config,
                                                          "m");
  }
};

// Those of the tokenizer in Python, which calls SentencePiece as this one does. Of two cuts of the
// same pieces in another order, which are equally good, versions of SentencePiece take one or the
// other.
TEST_P(PieceGolden, IdsAreThoseOfTheReferenceOnHardTexts) {
  const std::string mode = GetParam().mode;
  const auto tokenizer = make();
  std::size_t others = 0;
  for (const nlohmann::json& row :
       test::load_json_lines(test::encoder_golden_path(GetParam().kind) / "texts.jsonl")) {
    nlohmann::json expected = nlohmann::json::array();
    if (row.contains(mode + ".sentencepiece")) {
      expected = row[mode + ".sentencepiece"];
    } else {
      for (const nlohmann::json& token : tokens_of(row, mode)) expected.push_back(token[0]);
    }
    const nlohmann::json found = tokenizer->tokenize(test::text_of(row)).ids;
    if (found == expected) continue;
    ++others;
    EXPECT_TRUE(std::is_permutation(found.begin(), found.end(), expected.begin(), expected.end()))
        << found << " instead of " << expected << " for " << name_of(row);
  }
  EXPECT_LE(others, 2u);
}

TEST_P(PieceGolden, IdsAreThoseOfTheReferenceOnRandomTexts) {
  const std::string mode = GetParam().mode;
  expect_random_ids(GetParam().kind, mode, mode + ".sentencepiece",
                    [](const std::string& /*mode*/) { return make(); });
}

INSTANTIATE_TEST_SUITE_P(
    Modes, PieceGolden,
    testing::Values(PieceMode{"xlmr", "small"}, PieceMode{"xlmr", "default"},
                    PieceMode{"albert", "small"}, PieceMode{"albert", "default"},
                    PieceMode{"albert", "keep_accents"}, PieceMode{"albert", "cased"},
                    PieceMode{"deberta", "small"}, PieceMode{"deberta", "default"},
                    PieceMode{"deberta", "lower"}),
    [](const auto& mode) { return std::string(mode.param.kind) + "_" + mode.param.mode; });

}  // namespace
}  // namespace deformer
