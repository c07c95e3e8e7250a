// Turns text into token ids, with byte spans into the caller's own text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/types.h"

namespace deformer {

/// `ids` and `spans` have equal length. spans[i] is the smallest byte range of the *original* text
/// that token i was made from, never empty; ranges lie on code-point boundaries (an invalid byte
/// counts as one code point), and neither begins nor ends ever decrease. What cleaning removes
/// (control characters, combining accents, invalid bytes) belongs to a span only where it lies
/// between characters of the token: "e\u0301" gives [0, 1). Tokens that are parts of one character
/// (a Hangul syllable) share its range. No special tokens are added.
struct TokenizedText {
  std::vector<std::int32_t> ids;
  std::vector<ByteSpan> spans;
};

/// Ids of the tokens that the segment layouts add around a text.
struct SpecialTokens {
  std::int32_t cls = 0;
  std::int32_t sep = 0;
  std::int32_t pad = 0;
  std::int32_t unk = 0;
};

/// Turns text into tokens. Immutable once made; safe for concurrent calls.
class DEFORMER_EXPORT Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Any byte sequence up to 4 GiB - 1 is accepted (kInvalidArgument beyond): invalid UTF-8 counts
  /// as U+FFFD, byte by byte. The name of a special token inside the text ("[SEP]") is plain text.
  [[nodiscard]] virtual TokenizedText tokenize(std::string_view text) const = 0;

  /// The words that a text is cut into before tokens are looked for, in order, without the white
  /// space around them: GPT-2's for byte-level BPE. For the others, and as this default, BERT's:
  /// runs without white space and punctuation; a punctuation mark or an ideograph is a word of its
  /// own.
  [[nodiscard]] virtual std::vector<ByteSpan> words(std::string_view text) const;

  [[nodiscard]] virtual const SpecialTokens& special_tokens() const noexcept = 0;
  [[nodiscard]] virtual std::int64_t vocab_size() const noexcept = 0;
  /// The vocabulary's own spelling of a token, e.g. "##ing". Throws kInvalidArgument when id is out
  /// of range.
  [[nodiscard]] virtual std::string token(std::int32_t id) const = 0;
  /// Hash of everything that tokenize() depends on (vocabulary and options); part of a model's
  /// fingerprint.
  [[nodiscard]] virtual std::uint64_t hash() const noexcept = 0;
};

/// Loads the tokenizer of a model directory, from the first of these files that is there. Options
/// and the names of the special tokens come from tokenizer_config.json.
///   vocab.txt     WordPiece, the ids and offsets of Hugging Face's BertTokenizer. do_lower_case
///                 (true), strip_accents (as do_lower_case), tokenize_chinese_chars (true); [CLS]
///                 [SEP] [PAD] [UNK].
///   vocab.json    with merges.txt: byte-level BPE, the ids of RobertaTokenizerFast.
///                 add_prefix_space (false); <s> </s> <pad> <unk>, or BERT's names where the
///                 vocabulary has no <s>.
///   spiece.model  SentencePiece, the ids of XLNetTokenizer in Python: do_lower_case (false),
///                 remove_space (true), keep_accents (false); <cls> <sep> <pad> <unk>. Of
///                 AlbertTokenizer, where tokenizer_class or else config.json's model_type says so:
///                 do_lower_case (true); [CLS] [SEP] <pad> <unk>.
///   sentencepiece.bpe.model  SentencePiece, the ids of XLMRobertaTokenizer or, where they say so,
///                 CamembertTokenizer in Python; <s> </s> <pad> <unk>.
///   spm.model     SentencePiece, the ids of DebertaV2Tokenizer in Python. do_lower_case (false);
///                 [CLS] [SEP] [PAD] [UNK].
///   tokenizer.json  a WordPiece or byte-level BPE model as above, or a Unigram model (XLM-R,
///                 CamemBERT, ALBERT, XLNet, DeBERTa) with the ids of Hugging Face's `tokenizers`;
///                 options and special tokens are its own, and so are tokens that were added later.
/// tokenizer_class may be absent or general; otherwise it must be one that has the file (not looked
/// at with vocab.txt and tokenizer.json). Spaces are tokens, or parts of them, in byte-level BPE
/// alone; there a span leaves out spaces at the ends of its token unless it has nothing else.
/// Throws kNotFound (naming the files looked for), kCorrupt (also when a special token is not in
/// the vocabulary), kIo, kUnsupported (a tokenizer.json or tokenizer_class of another kind; tokens
/// that tokenizer_config.json adds to another kind of file),
/// kIncompatible (a tokenizer.json that disagrees with tokenizer_config.json, or the model in it
/// with vocab.txt, with vocab.json and merges.txt, or with a SentencePiece model).
///
/// `file`, one of these names, says which file counts, whatever others hold; kInvalidArgument for
/// another name.
[[nodiscard]] DEFORMER_EXPORT std::unique_ptr<const Tokenizer> load_tokenizer(
    const std::filesystem::path& model_dir, std::string_view file = {});

}  // namespace deformer
