// How the families of models use SentencePiece: their files, special tokens, ids and cleaning.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "text/tokenizer_config.h"

namespace deformer {

struct SentencePieceKind {
  /// What a text goes through before SentencePiece sees it.
  enum class Cleaning : std::uint8_t {
    kXlnet,  ///< white space, quotes, accents, case, and the comma after a number is cut off
    kLower,  ///< case
    kNone,
  };

  std::string_view tokenizer_class;  ///< Hugging Face's, without "Fast"
  std::string_view model_type;       ///< of config.json
  std::string_view file;
  Cleaning cleaning = Cleaning::kNone;
  bool lower_case = false;  ///< unless tokenizer_config.json says otherwise
  std::string_view cls;
  std::string_view sep;
  std::string_view pad;
  std::string_view unk;
  /// Tokens of the first ids. Where there are some, pieces follow them, a piece's number is `shift`
  /// below its id, and after the last one stands "<mask>".
  std::span<const std::string_view> first_tokens;
  std::int32_t shift = 0;
};

extern const SentencePieceKind kXlnetPieces;
extern const SentencePieceKind kAlbertPieces;
extern const SentencePieceKind kXlmRobertaPieces;
extern const SentencePieceKind kCamembertPieces;
extern const SentencePieceKind kDebertaPieces;

/// What a tokenizer_config.json of the kind leaves unsaid.
[[nodiscard]] TokenizerConfig sentencepiece_defaults(const SentencePieceKind& kind);

/// The kind of a directory's SentencePiece model, by its file and what tokenizer_config.json
/// (tokenizer_class) or else config.json (tokenizer_class, model_type, without that the class in
/// architectures) says; where they say nothing of the file's kinds, XLNet for spiece.model,
/// XLM-RoBERTa for sentencepiece.bpe.model. Throws kNotFound, kUnsupported (a class of another
/// kind), kCorrupt, kIo.
[[nodiscard]] const SentencePieceKind& find_sentencepiece_kind(
    const std::filesystem::path& model_dir);

}  // namespace deformer
