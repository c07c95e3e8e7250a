#include "text/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/stand_in.h"
#include "deformer/error.h"
#include "text/text_size.h"
#include "text/tokenizer_json_unigram.h"
#include "text/utf8.h"
#include "text/word_mark.h"

namespace deformer {
namespace {

constexpr std::size_t kMaxModelBytes = std::size_t{64} << 20;

// A piece by its number and the bytes of the cleaned text that it was made from; they may hold
// white space and removed characters at either end, or nothing at all.
struct Token {
  std::int32_t piece = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::string without_marks(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    const std::size_t mark = piece.find(kWordMarkText);
    text += piece.substr(0, mark);
    piece.remove_prefix(mark == std::string_view::npos ? piece.size()
                                                       : mark + kWordMarkText.size());
  }
  return text;
}

// Byte where each code point begins, and the end.
std::vector<std::size_t> boundaries(std::string_view text) {
  std::vector<std::size_t> bytes;
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).size_bytes) {
    bytes.push_back(at);
  }
  bytes.push_back(text.size());
  return bytes;
}

bool ends_in_digit_and_comma(std::string_view piece) {
  if (piece.size() < 2 || piece.back() != ',') return false;
  const std::string_view number = piece.substr(0, piece.size() - 1);
  std::size_t last = 0;
  for (std::size_t at = 0; at < number.size(); at += decode_utf8(number, at).size_bytes) last = at;
  return is_python_digit(decode_utf8(number, last).code_point);
}

std::string read_model(const std::filesystem::path& path) {
  try {
    std::string bytes = read_file(path, kMaxModelBytes);
    refuse_stand_in(bytes, path.string());
    return bytes;
  } catch (const Error& error) {
    // Here the size is not the caller's choice but the file's fault.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Error(ErrorCode::kCorrupt, error.what());
  }
}

XlnetCleaning cleaning_of(const SentencePieceKind& kind, const TokenizerConfig& config) {
  const bool lower_case =
      kind.cleaning != SentencePieceKind::Cleaning::kNone && config.do_lower_case;
  if (kind.cleaning != SentencePieceKind::Cleaning::kXlnet) {
    return {.remove_space = false,
            .keep_accents = true,
            .lower_case = lower_case,
            .plain_quotes = false};
  }
  return {.remove_space = config.remove_space,
          .keep_accents = config.keep_accents,
          .lower_case = lower_case};
}

}  // namespace

// The SentencePiece model, and what its kind adds to it. Ids are the tokenizer's, pieces have
// numbers.
class SentencePieceTokenizer::Pieces {
 public:
  Pieces(std::string_view model, const SentencePieceKind& kind, const std::string& where)
      : kind_(kind) {
    const auto status = processor_.LoadFromSerializedProto({model.data(), model.size()});
    if (!status.ok()) {
      throw Error(
          ErrorCode::kCorrupt,
          where + ": expected a SentencePiece model, found one that is cut short or damaged");
    }
  }

  // One more where there are tokens before the pieces: "<mask>", after them.
  [[nodiscard]] std::int32_t size() const {
    return processor_.GetPieceSize() + kind_.shift + (kind_.first_tokens.empty() ? 0 : 1);
  }

  [[nodiscard]] std::string name(std::int32_t id) const {
    const auto index = static_cast<std::size_t>(id);
    if (index < kind_.first_tokens.size()) return std::string(kind_.first_tokens[index]);
    const std::int32_t piece = id - kind_.shift;
    return piece < processor_.GetPieceSize() ? processor_.IdToPiece(piece) : "<mask>";
  }

  [[nodiscard]] std::int32_t special(const std::string& name, const std::string& where) const {
    const auto first = std::find(kind_.first_tokens.begin(), kind_.first_tokens.end(), name);
    if (first != kind_.first_tokens.end()) {
      return static_cast<std::int32_t>(first - kind_.first_tokens.begin());
    }
    const std::int32_t piece = processor_.PieceToId(name);
    if (processor_.IdToPiece(piece) == name) return piece + kind_.shift;
    throw Error(ErrorCode::kCorrupt,
                where + ": expected the special token \"" + name + "\", found no such piece");
  }

  // Of a piece that a text was cut into.
  [[nodiscard]] std::int32_t id_of(std::int32_t piece, std::int32_t unk) const {
    return kind_.shift > 0 && piece == processor_.unk_id() ? unk : piece + kind_.shift;
  }

  [[nodiscard]] std::vector<Token> encode(std::string_view text) const {
    const auto pieces = processor_.EncodeAsImmutableProto({text.data(), text.size()});
    const bool cuts_commas = kind_.cleaning == SentencePieceKind::Cleaning::kXlnet;
    std::vector<Token> tokens;
    tokens.reserve(pieces.pieces_size());
    for (std::size_t i = 0; i < pieces.pieces_size(); ++i) {
      const auto piece = pieces.pieces(static_cast<int>(i));
      const Token token = with_last_character(
          {static_cast<std::int32_t>(piece.id()), piece.begin(), piece.end()}, piece.piece(), text);
      if (cuts_commas && ends_in_digit_and_comma(piece.piece())) {
        append_without_comma(piece.piece(), token, text, tokens);
      } else {
        tokens.push_back(token);
      }
    }
    return tokens;
  }

  // `token` without what stands for nothing at its ends; a token without anything has the next
  // character, at the end of the text the last one.
  [[nodiscard]] Token trimmed(Token token, std::string_view text) const {
    const auto skip = [&](std::size_t at) { return stands_for_nothing(text, at); };
    const std::size_t end = token.end;
    while (token.begin < end && skip(token.begin)) token.begin += size_at(text, token.begin);
    if (token.begin < end) {
      while (skip(last_begin(text, token.end))) token.end = last_begin(text, token.end);
      return token;
    }
    while (token.begin < text.size() && skip(token.begin)) {
      token.begin += size_at(text, token.begin);
    }
    if (token.begin == text.size()) token.begin = last_begin(text, text.size());
    token.end = token.begin + size_at(text, token.begin);
    return token;
  }

 private:
  static std::size_t size_at(std::string_view text, std::size_t at) {
    return decode_utf8(text, at).size_bytes;
  }

  // The code point that ends before `end`.
  static std::size_t last_begin(std::string_view text, std::size_t end) {
    --end;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return end;
  }

  // White space, and what the model's own normalisation removes.
  [[nodiscard]] bool stands_for_nothing(std::string_view text, std::size_t at) const {
    if (text[at] > ' ' && text[at] <= '~') return false;
    const std::string_view character = text.substr(at, size_at(text, at));
    return character == " " ||
           processor_.EncodeAsImmutableProto({character.data(), character.size()}).pieces_size() ==
               0;
  }

  // SentencePiece leaves out the character that a piece ends in the middle of, where one becomes
  // several ("\uFB01" as "f" and "i" of two pieces).
  [[nodiscard]] Token with_last_character(Token token, std::string_view piece,
                                          std::string_view text) const {
    if (token.begin == token.end || token.end == text.size()) return token;
    if (static_cast<unsigned char>(text[token.end]) < 0x80) return token;
    const std::string_view surface = text.substr(token.begin, token.end - token.begin);
    const std::string wanted = without_marks(piece);
    if (count_code_points(wanted) <= count_code_points(surface)) return token;
    std::string found;
    const auto parts = processor_.EncodeAsImmutableProto({surface.data(), surface.size()});
    for (std::size_t i = 0; i < parts.pieces_size(); ++i) {
      found += without_marks(parts.pieces(static_cast<int>(i)).piece());
    }
    if (found.find(wanted) == std::string::npos) token.end += size_at(text, token.end);
    return token;
  }

  // What XLNetTokenizer does with "1990,": the number is cut anew, as a word of its own whose mark
  // is taken away again unless the piece had one; then the comma.
  void append_without_comma(const std::string& piece, const Token& token, std::string_view text,
                            std::vector<Token>& tokens) const {
    const std::string number = without_marks(std::string_view(piece).substr(0, piece.size() - 1));
    const auto parts = processor_.EncodeAsImmutableProto({number.data(), number.size()});
    const NumberSource source(number, trimmed(token, text), text);
    for (std::size_t i = 0; i < parts.pieces_size(); ++i) {
      const auto part = parts.pieces(static_cast<int>(i));
      auto id = static_cast<std::int32_t>(part.id());
      if (i == 0 && !piece.starts_with(kWordMarkText) && part.piece().starts_with(kWordMarkText)) {
        if (part.piece().size() == kWordMarkText.size()) continue;
        id = processor_.PieceToId(part.piece().substr(kWordMarkText.size()));
      }
      tokens.push_back(source.token(id, part.begin(), part.end()));
    }
    tokens.push_back(source.comma(processor_.PieceToId(",")));
  }

  // Where a number that was cut out of a piece stands in the cleaned text.
  class NumberSource {
   public:
    NumberSource(std::string_view number, const Token& token, std::string_view text)
        : token_(token), number_(boundaries(number)) {
      const std::string_view surface = text.substr(token.begin, token.end - token.begin);
      for (const std::size_t at : boundaries(surface)) {
        if (surface.substr(at, 1) != " ") surface_.push_back(at);
      }
    }

    [[nodiscard]] Token token(std::int32_t piece, std::size_t begin, std::size_t end) const {
      return {piece, token_.begin + at(begin), token_.begin + at(end)};
    }
    [[nodiscard]] Token comma(std::int32_t piece) const {
      return {piece, token_.begin + surface_[surface_.size() - 2], token_.end};
    }

   private:
    // Code points count for code points. The surface has one more, the comma; where it has another
    // number, because normalisation joined or split some, the parts share what stands before it.
    [[nodiscard]] std::size_t at(std::size_t number_byte) const {
      if (number_.size() + 1 != surface_.size()) {
        return number_byte == 0 ? 0 : surface_[surface_.size() - 2];
      }
      std::size_t index = 0;
      while (number_[index] < number_byte) ++index;
      return surface_[index];
    }

    Token token_;
    std::vector<std::size_t> number_;
    std::vector<std::size_t> surface_;
  };

  const SentencePieceKind& kind_;
  sentencepiece::SentencePieceProcessor processor_;
};

SentencePieceTokenizer::SentencePieceTokenizer(std::string_view model,
                                               const SentencePieceKind& kind,
                                               const TokenizerConfig& config,
                                               const std::string& where)
    : pieces_(std::make_unique<const Pieces>(model, kind, where)),
      cleaning_(cleaning_of(kind, config)),
      special_{.cls = pieces_->special(config.cls_token, where),
               .sep = pieces_->special(config.sep_token, where),
               .pad = pieces_->special(config.pad_token, where),
               .unk = pieces_->special(config.unk_token, where)},
      hash_(make_hash(model, kind)) {}

std::uint64_t SentencePieceTokenizer::make_hash(std::string_view model,
                                                const SentencePieceKind& kind) const {
  Hasher hasher;
  hasher.add("sentencepiece 1").add(model);
  for (const bool option : {cleaning_.remove_space, cleaning_.keep_accents, cleaning_.lower_case}) {
    hasher.add(std::int64_t{option});
  }
  for (const std::int32_t id : {special_.cls, special_.sep, special_.pad, special_.unk}) {
    hasher.add(std::int64_t{id});
  }
  // XLNet's hashes are older than the other kinds.
  if (&kind != &kXlnetPieces) hasher.add(kind.tokenizer_class);
  return hasher.digest64();
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

TokenizedText SentencePieceTokenizer::tokenize(std::string_view text) const {
  require_text_size(text);
  const XlnetText cleaned = clean_xlnet_text(text, cleaning_);
  const std::vector<Token> tokens = pieces_->encode(cleaned.text);
  TokenizedText result;
  result.ids.reserve(tokens.size());
  result.spans.reserve(tokens.size());
  for (const Token& token : tokens) {
    const Token part = pieces_->trimmed(token, cleaned.text);
    result.ids.push_back(pieces_->id_of(part.piece, special_.unk));
    result.spans.push_back({cleaned.sources[part.begin].begin, cleaned.sources[part.end - 1].end});
  }
  return result;
}

std::int64_t SentencePieceTokenizer::vocab_size() const noexcept {
  return pieces_->size();
}

std::string SentencePieceTokenizer::token(std::int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::kInvalidArgument, "token id: expected 0 to " +
                                                 std::to_string(vocab_size() - 1) + ", found " +
                                                 std::to_string(id));
  }
  return pieces_->name(id);
}

std::unique_ptr<const Tokenizer> load_sentencepiece_tokenizer(
    const std::filesystem::path& model_dir, OtherTokenizer other) {
  const SentencePieceKind& kind = find_sentencepiece_kind(model_dir);
  const std::filesystem::path path = model_dir / kind.file;
  const TokenizerConfig config = load_tokenizer_config(model_dir, sentencepiece_defaults(kind));
  if (config.split_by_punct) {
    throw Error(ErrorCode::kUnsupported, (model_dir / "tokenizer_config.json").string() +
                                             ": split_by_punct: expected false, found true");
  }
  auto tokenizer =
      std::make_unique<SentencePieceTokenizer>(read_model(path), kind, config, path.string());
  if (other == OtherTokenizer::kMustAgree) require_same_pieces(*tokenizer, path, model_dir);
  return tokenizer;
}

}  // namespace deformer
