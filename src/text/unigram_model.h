// The pieces of a Unigram model (Kudo, 2018) and the best way to cut a word into them. The
// reference is Hugging Face's `tokenizers`: sums in double, of equal ones the first found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

struct ScoredPiece {
  std::string text;
  double score = 0;
};

/// A piece of a word and the bytes that it stands for.
struct WordPart {
  std::int32_t id = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Immutable, safe for concurrent calls.
class UnigramModel {
 public:
  /// `pieces` by id. `hidden[id]`: a text is never cut into it. `unk`: the id of what no piece
  /// covers.
  UnigramModel(std::vector<ScoredPiece> pieces, const std::vector<bool>& hidden, std::int32_t unk);

  /// `word` is UTF-8. Neighbours without a piece are one part.
  [[nodiscard]] std::vector<WordPart> cut(std::string_view word) const;

  [[nodiscard]] const std::vector<ScoredPiece>& pieces() const noexcept { return pieces_; }
  [[nodiscard]] std::int32_t unk() const noexcept { return unk_; }

 private:
  // Of the tree of all beginnings of pieces. Children stand side by side, by their last byte.
  struct Node {
    std::uint32_t first_child = 0;
    std::uint32_t num_children = 0;
    std::int32_t piece = -1;
  };
  struct Step {
    double score = 0;
    std::int32_t id = -1;  // -1: not reached
    std::size_t begin = 0;
  };

  void build(const std::vector<std::uint32_t>& sorted);
  /// Null where no piece begins so.
  [[nodiscard]] const Node* child(const Node& node, unsigned char byte) const;
  [[nodiscard]] std::vector<Step> best_steps(std::string_view word) const;
  [[nodiscard]] std::int32_t find(std::string_view text) const;

  std::vector<ScoredPiece> pieces_;
  std::int32_t unk_;
  double unk_score_ = 0;
  std::vector<Node> nodes_;
  std::vector<unsigned char> labels_;  // of each node
};

}  // namespace deformer
