// A WordPiece vocabulary: the tokens by id, and the longest piece that a word begins with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

/// Finds the longest of a set of byte strings that a text begins with. Hash table over all prefixes
/// up to the longest piece, without allocation. Immutable once filled, safe for concurrent calls.
class PieceTable {
 public:
  /// Pieces longer than this are left out: no word of more than 100 code points is split.
  static constexpr std::size_t kMaxPieceBytes = 400;

  struct Piece {
    std::string_view text;
    std::int32_t id = 0;
  };
  struct Match {
    std::int32_t id = 0;
    std::uint32_t size_bytes = 0;  ///< 0: no piece matches
  };

  PieceTable() = default;
  /// Of equal pieces the last one counts. Empty pieces are ignored.
  explicit PieceTable(const std::vector<Piece>& pieces);

  [[nodiscard]] Match longest_match(std::string_view text) const noexcept;
  /// The piece that is the whole text.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view text) const noexcept;

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::int32_t id = kFree;
    std::uint32_t begin = 0;  // of the piece in bytes_
    std::uint32_t size_bytes = 0;
  };
  static constexpr std::int32_t kFree = -1;

  // The slot that holds `text`, or the free one where it would go.
  [[nodiscard]] const Slot& slot_of(std::string_view text, std::uint64_t hash) const noexcept;

  std::string bytes_;        // the pieces, one after the other: fewer cache misses than strings
  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t longest_bytes_ = 0;
};

/// Tokens and their ids. Immutable, safe for concurrent calls.
class WordPieceVocabulary {
 public:
  /// One token a line, ended by "\n" or "\r\n", the id is the line's number from 0. As in Hugging
  /// Face, white space at the end of a line is no part of the token, the last of equal lines
  /// counts, and an empty line takes an id that no text gets; but for those at the end, and a byte
  /// order mark at the beginning, which are no part of the vocabulary. Throws kCorrupt for no line
  /// at all and for invalid UTF-8; `where` names the file.
  WordPieceVocabulary(std::string_view lines, const std::string& where);
  /// Tokens by id; an empty one is an id that no text gets, at the end none at all.
  WordPieceVocabulary(std::vector<std::string> tokens, const std::string& where);

  /// Number of lines: ids are below it.
  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }
  /// id must be in [0, size()).
  [[nodiscard]] const std::string& token(std::size_t id) const { return tokens_[id]; }
  /// Id of a token by its own spelling ("[CLS]", "##ing").
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view token) const noexcept;

  /// Pieces that begin a word.
  [[nodiscard]] const PieceTable& initial() const noexcept { return initial_; }
  /// Pieces that continue one, without their "##".
  [[nodiscard]] const PieceTable& continuing() const noexcept { return continuing_; }

 private:
  std::vector<std::string> tokens_;
  PieceTable initial_;
  PieceTable continuing_;
};

/// Id of a special token among tokens by id. Throws kCorrupt when there is none; `where` names the
/// file.
[[nodiscard]] std::int32_t special_id(const std::vector<std::string>& tokens,
                                      const std::string& token, const std::string& where);
[[noreturn]] void fail_special_token(const std::string& token, const std::string& where);

}  // namespace deformer
