#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "base/byte_order_mark.h"
#include "deformer/error.h"
#include "text/utf8.h"

namespace deformer {
namespace {

constexpr std::string_view kContinuation = "##";

constexpr std::uint64_t kHashSeed = 0x9E3779B97F4A7C15;

// Extends a prefix's hash by one byte, so that one pass hashes all prefixes of a word.
std::uint64_t extend_hash(std::uint64_t hash, char byte) {
  hash = (hash ^ static_cast<unsigned char>(byte)) * 0x9FB21C651E98DF25;
  return hash ^ (hash >> 32);
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = kHashSeed;
  for (const char byte : text) hash = extend_hash(hash, byte);
  return hash;
}

std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

// The characters that Rust's trim_end() removes.
bool is_white_space(char32_t c) {
  return c == 0x20 || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string_view without_trailing_space(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < line.size();) {
    const DecodedChar c = decode_utf8(line, at);
    at += c.size_bytes;
    if (!is_white_space(c.code_point)) end = at;
  }
  return line.substr(0, end);
}

std::vector<std::string> split_lines(std::string_view lines, const std::string& where) {
  lines = without_byte_order_mark(lines);
  std::vector<std::string> tokens;
  while (!lines.empty()) {
    const std::size_t newline = lines.find('\n');
    const std::string_view line = lines.substr(0, newline);
    lines.remove_prefix(newline == std::string_view::npos ? lines.size() : newline + 1);
    if (!is_valid_utf8(line)) {
      throw Error(ErrorCode::kCorrupt, where + ": line " + std::to_string(tokens.size() + 1) +
                                           ": expected UTF-8, found an invalid byte");
    }
    tokens.emplace_back(without_trailing_space(line));
  }
  return tokens;
}

}  // namespace

PieceTable::PieceTable(const std::vector<Piece>& pieces)
    : slots_(std::bit_ceil(2 * pieces.size() + 1)) {
  for (const Piece& piece : pieces) {
    if (piece.text.empty() || piece.text.size() > kMaxPieceBytes) continue;
    longest_bytes_ = std::max(longest_bytes_, piece.text.size());
    const std::uint64_t hash = hash_of(piece.text);
    const auto index = static_cast<std::size_t>(&slot_of(piece.text, hash) - slots_.data());
    Slot& slot = slots_[index];
    if (slot.id == kFree) {
      slot = {tag_of(hash), piece.id, static_cast<std::uint32_t>(bytes_.size()),
              static_cast<std::uint32_t>(piece.text.size())};
      bytes_ += piece.text;
    }
    slot.id = piece.id;
  }
}

const PieceTable::Slot& PieceTable::slot_of(std::string_view text,
                                            std::uint64_t hash) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  const std::string_view bytes = bytes_;
  std::size_t at = hash & mask;
  for (; slots_[at].id != kFree; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.tag != tag_of(hash) || slot.size_bytes != text.size()) continue;
    if (bytes.substr(slot.begin, slot.size_bytes) == text) break;
  }
  return slots_[at];
}

PieceTable::Match PieceTable::longest_match(std::string_view text) const noexcept {
  std::array<std::uint64_t, kMaxPieceBytes + 1> hashes;  // of the prefixes by length
  const std::size_t longest = std::min(text.size(), longest_bytes_);
  hashes[0] = kHashSeed;
  for (std::size_t i = 0; i < longest; ++i) hashes[i + 1] = extend_hash(hashes[i], text[i]);
  for (std::size_t size = longest; size > 0; --size) {
    const Slot& slot = slot_of(text.substr(0, size), hashes[size]);
    if (slot.id != kFree) return {slot.id, slot.size_bytes};
  }
  return {};
}

std::optional<std::int32_t> PieceTable::find(std::string_view text) const noexcept {
  if (text.empty() || text.size() > longest_bytes_) return std::nullopt;
  const Slot& slot = slot_of(text, hash_of(text));
  return slot.id == kFree ? std::nullopt : std::optional(slot.id);
}

WordPieceVocabulary::WordPieceVocabulary(std::string_view lines, const std::string& where)
    : WordPieceVocabulary(split_lines(lines, where), where) {}

WordPieceVocabulary::WordPieceVocabulary(std::vector<std::string> tokens, const std::string& where)
    : tokens_(std::move(tokens)) {
  while (!tokens_.empty() && tokens_.back().empty()) tokens_.pop_back();
  if (tokens_.empty()) {
    throw Error(ErrorCode::kCorrupt, where + ": expected at least one token, found none");
  }
  std::vector<PieceTable::Piece> initial;
  std::vector<PieceTable::Piece> continuing;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view token = tokens_[i];
    const auto id = static_cast<std::int32_t>(i);
    initial.push_back({token, id});
    if (token.starts_with(kContinuation)) {
      continuing.push_back({token.substr(kContinuation.size()), id});
    }
  }
  initial_ = PieceTable(initial);
  continuing_ = PieceTable(continuing);
}

std::optional<std::int32_t> WordPieceVocabulary::find(std::string_view token) const noexcept {
  return initial_.find(token);
}

std::int32_t special_id(const std::vector<std::string>& tokens, const std::string& token,
                        const std::string& where) {
  const auto found = std::find(tokens.begin(), tokens.end(), token);
  if (found == tokens.end()) fail_special_token(token, where);
  return static_cast<std::int32_t>(found - tokens.begin());
}

void fail_special_token(const std::string& token, const std::string& where) {
  throw Error(ErrorCode::kCorrupt,
              where + ": expected the special token \"" + token + "\", found no such token");
}

}  // namespace deformer
