#include "text/bpe_model.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <queue>
#include <utility>

#include "text/byte_alphabet.h"

namespace deformer {
namespace {

// Up to this length looking at all pairs again after each join is faster than a heap.
constexpr std::size_t kShortBytes = 48;

// A word under way: tokens in a list, of which some have been joined to the one before.
class LongWord {
 public:
  LongWord(std::string_view word, const std::array<std::int32_t, 256>& bytes,
           const BpeMerges& merges)
      : merges_(merges), symbols_(word.size()) {
    for (std::size_t i = 0; i < word.size(); ++i) {
      symbols_[i] = {bytes[static_cast<unsigned char>(word[i])], 1, i, i + 1};
      if (i > 0) symbols_[i].previous = i - 1;
    }
    for (std::size_t i = 0; i + 1 < word.size(); ++i) offer(i);
  }

  void join_all() {
    while (!waiting_.empty()) {
      const Join join = waiting_.top();
      waiting_.pop();
      if (is_current(join)) apply(join);
    }
  }

  void append_to(std::vector<BpeModel::Part>& parts) const {
    for (std::size_t i = 0; i < symbols_.size(); i = symbols_[i].next) {
      parts.push_back({symbols_[i].id, symbols_[i].size_bytes});
    }
  }

 private:
  struct Symbol {
    std::int32_t id = 0;
    std::uint32_t size_bytes = 0;  // 0: joined to the one before
    std::size_t previous = 0;      // of the first one: itself
    std::size_t next = 0;
  };
  struct Join {
    BpeMerges::Rule rule;
    std::size_t at = 0;
    // The earliest rule first, of equal ones the leftmost place.
    friend bool operator<(const Join& a, const Join& b) {
      return std::pair(a.rule.rank, a.at) > std::pair(b.rule.rank, b.at);
    }
  };

  [[nodiscard]] BpeMerges::Rule rule_at(std::size_t at) const {
    const std::size_t next = symbols_[at].next;
    if (symbols_[at].size_bytes == 0 || next >= symbols_.size()) return {};
    return merges_.find(symbols_[at].id, symbols_[next].id);
  }
  [[nodiscard]] bool is_current(const Join& join) const {
    return rule_at(join.at).rank == join.rule.rank;
  }
  void offer(std::size_t at) {
    const BpeMerges::Rule rule = rule_at(at);
    if (rule.rank != BpeMerges::kNone) waiting_.push({rule, at});
  }
  void apply(const Join& join) {
    Symbol& left = symbols_[join.at];
    Symbol& right = symbols_[left.next];
    left.id = join.rule.joined;
    left.size_bytes += right.size_bytes;
    left.next = right.next;
    right.size_bytes = 0;
    if (left.next < symbols_.size()) symbols_[left.next].previous = join.at;
    offer(join.at);
    if (left.previous != join.at) offer(left.previous);
  }

  const BpeMerges& merges_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Join> waiting_;
};

}  // namespace

BpeMerges::BpeMerges(const std::vector<BpeMerge>& merges)
    : slots_(std::bit_ceil(2 * merges.size() + 1)) {
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const BpeMerge& merge = merges[rank];
    slots_[slot_of(merge.left, merge.right)] = {
        merge.left, merge.right, {static_cast<std::int32_t>(rank), merge.joined}};
  }
}

std::size_t BpeMerges::slot_of(std::int32_t left, std::int32_t right) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t pair = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
                             static_cast<std::uint32_t>(right);
  const std::uint64_t hash = pair * 0x9E3779B97F4A7C15;
  std::size_t at = (hash ^ (hash >> 32)) & mask;
  while (slots_[at].left != kFree && (slots_[at].left != left || slots_[at].right != right)) {
    at = (at + 1) & mask;
  }
  return at;
}

BpeMerges::Rule BpeMerges::find(std::int32_t left, std::int32_t right) const noexcept {
  if (slots_.empty()) return {};
  return slots_[slot_of(left, right)].rule;
}

BpeModel::BpeModel(const std::vector<std::string>& tokens, const std::vector<BpeMerge>& merges,
                   std::int32_t unk)
    : merges_(merges) {
  bytes_.fill(unk);
  std::vector<std::optional<std::string>> spelled(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    spelled[i] = bytes_of_spelling(tokens[i]);
    if (!spelled[i] || spelled[i]->size() != 1) continue;
    bytes_[static_cast<unsigned char>(spelled[i]->front())] = static_cast<std::int32_t>(i);
  }
  std::vector<PieceTable::Piece> whole;
  std::vector<Part> parts;
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    if (!spelled[i] || spelled[i]->empty()) continue;
    parts.clear();
    append_parts(*spelled[i], parts);
    const auto id = static_cast<std::int32_t>(i);
    if (parts.size() == 1 && parts[0].id == id) whole.push_back({*spelled[i], id});
  }
  whole_ = PieceTable(whole);
}

void BpeModel::append_parts(std::string_view word, std::vector<Part>& parts) const {
  if (const auto id = whole_.find(word)) {
    parts.push_back({*id, static_cast<std::uint32_t>(word.size())});
  } else if (word.size() <= kShortBytes) {
    append_short(word, parts);
  } else {
    append_long(word, parts);
  }
}

void BpeModel::append_short(std::string_view word, std::vector<Part>& parts) const {
  std::array<Part, kShortBytes + 1> symbols;
  std::array<BpeMerges::Rule, kShortBytes + 1> rules;  // of a symbol and the next one
  std::size_t size = word.size();
  for (std::size_t i = 0; i < size; ++i) {
    symbols[i] = {bytes_[static_cast<unsigned char>(word[i])], 1};
  }
  for (std::size_t i = 0; i + 1 < size; ++i) {
    rules[i] = merges_.find(symbols[i].id, symbols[i + 1].id);
  }
  while (size > 1) {
    std::size_t at = 0;
    for (std::size_t i = 1; i + 1 < size; ++i) {
      if (rules[i].rank < rules[at].rank) at = i;
    }
    if (rules[at].rank == BpeMerges::kNone) break;
    symbols[at] = {rules[at].joined, symbols[at].size_bytes + symbols[at + 1].size_bytes};
    std::copy(symbols.begin() + at + 2, symbols.begin() + size, symbols.begin() + at + 1);
    std::copy(rules.begin() + at + 1, rules.begin() + size - 1, rules.begin() + at);
    --size;
    if (at + 1 < size) rules[at] = merges_.find(symbols[at].id, symbols[at + 1].id);
    if (at > 0) rules[at - 1] = merges_.find(symbols[at - 1].id, symbols[at].id);
  }
  parts.insert(parts.end(), symbols.begin(), symbols.begin() + size);
}

void BpeModel::append_long(std::string_view word, std::vector<Part>& parts) const {
  LongWord symbols(word, bytes_, merges_);
  symbols.join_all();
  symbols.append_to(parts);
}

}  // namespace deformer
