#include "contract/tokenizer_contract.h"

#include "text/bpe_golden.h"
#include "text/golden.h"
#include "text/sentencepiece_golden.h"
#include "text/unigram_golden.h"

namespace deformer::test {
namespace {

TokenizerCase wordpiece(const std::string& mode) {
  return {mode, [mode] {
            return std::make_unique<const WordPieceTokenizer>(read_file(golden_path("vocab.txt")),
                                                              config_of_mode(mode), "vocab.txt");
          }};
}

TokenizerCase sentencepiece(const std::string& mode) {
  return {mode, [mode] {
            return std::make_unique<const SentencePieceTokenizer>(
                read_file(xlnet_golden_path("spiece.model")), kXlnetPieces,
                xlnet_config_of_mode(mode), "spiece.model");
          }};
}

TokenizerCase kind(const std::string& mode) {
  return {mode, [mode] { return make_kind_tokenizer(mode); }};
}

// ALBERT's pipeline strips nothing, so that blank text leaves a mark, as it does for the reference.
TokenizerCase unigram(const std::string& kind, const std::string& mode) {
  return {kind + "_" + mode, [=] { return load_document(unigram_document(kind, mode)); },
          kind == "albert"};
}

TokenizerCase bpe(const std::string& mode) {
  return {mode, [mode] { return std::make_unique<const BpeTokenizer>(make_bpe_tokenizer(mode)); },
          true};
}

INSTANTIATE_TEST_SUITE_P(WordPiece, TokenizerContract,
                         testing::Values(wordpiece("uncased"), wordpiece("cased"),
                                         wordpiece("lower_keep_accents"),
                                         wordpiece("cased_strip_accents"),
                                         wordpiece("uncased_keep_ideographs")),
                         TokenizerCase::name);
INSTANTIATE_TEST_SUITE_P(Bpe, TokenizerContract,
                         testing::Values(bpe("default"), bpe("prefix"), bpe("nfc")),
                         TokenizerCase::name);
// Not keep_spaces: there a line feed, say, is a token, as it is for the reference.
INSTANTIATE_TEST_SUITE_P(SentencePiece, TokenizerContract,
                         testing::Values(sentencepiece("default"), sentencepiece("keep_accents"),
                                         sentencepiece("lower_keep_accents")),
                         TokenizerCase::name);

INSTANTIATE_TEST_SUITE_P(SentencePieceKind, TokenizerContract,
                         testing::Values(kind("albert"), kind("albert_cased"), kind("xlm_roberta"),
                                         kind("camembert"), kind("deberta"), kind("deberta_lower")),
                         TokenizerCase::name);

INSTANTIATE_TEST_SUITE_P(Unigram, TokenizerContract,
                         testing::Values(unigram("xlmr", "default"), unigram("albert", "default"),
                                         unigram("deberta", "default"),
                                         unigram("deberta", "punctuation"),
                                         unigram("deberta", "five"), unigram("albert", "added")),
                         TokenizerCase::name);

}  // namespace
}  // namespace deformer::test
