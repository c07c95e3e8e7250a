#include "text/unigram_model.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "text/utf8.h"

namespace deformer {
namespace {

constexpr double kUnkPenalty = 10;

}  // namespace

UnigramModel::UnigramModel(std::vector<ScoredPiece> pieces, const std::vector<bool>& hidden,
                           std::int32_t unk)
    : pieces_(std::move(pieces)), unk_(unk) {
  double least = std::numeric_limits<double>::infinity();
  for (const ScoredPiece& piece : pieces_) least = std::min(least, piece.score);
  unk_score_ = least - kUnkPenalty;
  std::vector<std::uint32_t> sorted;
  for (std::uint32_t id = 0; id < pieces_.size(); ++id) {
    if (!hidden[id] && !pieces_[id].text.empty()) sorted.push_back(id);
  }
  std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(std::string_view(pieces_[a].text), a) <
           std::pair(std::string_view(pieces_[b].text), b);
  });
  build(sorted);
}

// Level by level, so that the children of a node follow one another. `sorted`: ids by text.
void UnigramModel::build(const std::vector<std::uint32_t>& sorted) {
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };
  const auto text = [&](std::size_t at) -> const std::string& { return pieces_[sorted[at]].text; };
  std::vector<Range> ranges{{0, sorted.size(), 0}};
  nodes_.emplace_back();
  labels_.push_back(0);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    Range range = ranges[node];
    // Of equal pieces the last one counts.
    while (range.begin < range.end && text(range.begin).size() == range.depth) {
      nodes_[node].piece = static_cast<std::int32_t>(sorted[range.begin++]);
    }
    nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (range.begin < range.end) {
      const char byte = text(range.begin)[range.depth];
      std::size_t end = range.begin + 1;
      while (end < range.end && text(end)[range.depth] == byte) ++end;
      ranges.push_back({range.begin, end, range.depth + 1});
      nodes_.emplace_back();
      labels_.push_back(static_cast<unsigned char>(byte));
      ++nodes_[node].num_children;
      range.begin = end;
    }
  }
}

const UnigramModel::Node* UnigramModel::child(const Node& node, unsigned char byte) const {
  const auto first = labels_.begin() + node.first_child;
  const auto last = first + node.num_children;
  const auto found = std::lower_bound(first, last, byte);
  if (found == last || *found != byte) return nullptr;
  return &nodes_[static_cast<std::size_t>(found - labels_.begin())];
}

std::int32_t UnigramModel::find(std::string_view text) const {
  const Node* node = &nodes_.front();
  for (const char c : text) {
    node = child(*node, static_cast<unsigned char>(c));
    if (node == nullptr) return -1;
  }
  return node->piece;
}

// By the byte at which a part ends: the best way there.
std::vector<UnigramModel::Step> UnigramModel::best_steps(std::string_view word) const {
  std::vector<Step> steps(word.size() + 1);
  const auto offer = [&](std::size_t begin, std::size_t end, std::int32_t id, double score) {
    Step& step = steps[end];
    const double sum = score + steps[begin].score;
    if (step.id < 0 || sum > step.score) step = {sum, id, begin};
  };
  for (std::size_t begin = 0; begin < word.size();) {
    const std::size_t next = begin + decode_utf8(word, begin).size_bytes;
    bool has_single = false;
    const Node* node = &nodes_.front();
    for (std::size_t at = begin; at < word.size(); ++at) {
      node = child(*node, static_cast<unsigned char>(word[at]));
      if (node == nullptr) break;
      if (node->piece < 0) continue;
      offer(begin, at + 1, node->piece, pieces_[static_cast<std::size_t>(node->piece)].score);
      has_single = has_single || at + 1 == next;
    }
    if (!has_single) offer(begin, next, unk_, unk_score_);
    begin = next;
  }
  return steps;
}

std::vector<WordPart> UnigramModel::cut(std::string_view word) const {
  const std::vector<Step> steps = best_steps(word);
  std::vector<WordPart> parts;
  for (std::size_t end = word.size(); end > 0;) {
    const Step& step = steps[end];
    if (step.id == unk_ && !parts.empty() && parts.back().id == unk_) {
      parts.back().begin = step.begin;
    } else {
      parts.push_back({step.id, step.begin, end});
    }
    end = step.begin;
  }
  std::reverse(parts.begin(), parts.end());
  // As the reference, which looks neighbours up by their joined text.
  for (WordPart& part : parts) {
    if (part.id != unk_) continue;
    const std::int32_t found = find(word.substr(part.begin, part.end - part.begin));
    if (found >= 0) part.id = found;
  }
  return parts;
}

}  // namespace deformer
