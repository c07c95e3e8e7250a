#include "text/utf8.h"

#include <algorithm>

#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::size_t kCodePointsPerMark = 64;
constexpr DecodedChar kInvalid{kReplacementCharacter, 1};

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

// Length that a lead byte announces; 0 for a byte that cannot lead. C0, C1 and F5.. never occur.
std::uint32_t sequence_bytes(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

bool is_scalar_of_size(char32_t code_point, std::uint32_t size_bytes) {
  if (size_bytes == 3) return code_point >= 0x800 && (code_point < 0xD800 || code_point > 0xDFFF);
  if (size_bytes == 4) return code_point >= 0x10000 && code_point <= 0x10FFFF;
  return true;
}

}  // namespace

DecodedChar decode_utf8(std::string_view text, std::size_t at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::uint32_t size = sequence_bytes(lead);
  if (size == 0 || text.size() - at < size) return kInvalid;
  char32_t code_point = lead & (0x7Fu >> size);
  for (std::uint32_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if (!is_continuation(byte)) return kInvalid;
    code_point = (code_point << 6) | (byte & 0x3Fu);
  }
  return is_scalar_of_size(code_point, size) ? DecodedChar{code_point, size} : kInvalid;
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto tail = [&](int shift) {
    text.push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)));
  };
  if (code_point < 0x80) {
    text.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    text.push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    tail(0);
  } else if (code_point < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    tail(6);
    tail(0);
  } else {
    text.push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_valid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    if (c.code_point == kReplacementCharacter && c.size_bytes == 1) return false;
    at += c.size_bytes;
  }
  return true;
}

std::size_t count_code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) at += decode_utf8(text, at).size_bytes;
  return count;
}

CodePointIndex::CodePointIndex(std::string_view text) : text_(text) {
  for (std::size_t at = 0; at < text.size(); ++size_) {
    if (size_ % kCodePointsPerMark == 0) marks_.push_back(at);
    at += decode_utf8(text, at).size_bytes;
  }
  if (size_ == text.size()) marks_ = {};
}

std::size_t CodePointIndex::code_points_before(std::size_t byte) const {
  if (byte > text_.size()) {
    throw Error(ErrorCode::kInvalidArgument, "byte offset: expected at most " +
                                                 std::to_string(text_.size()) + ", found " +
                                                 std::to_string(byte));
  }
  if (marks_.empty() || byte == 0) return byte;
  const auto mark = std::lower_bound(marks_.begin(), marks_.end(), byte) - 1;
  std::size_t count = static_cast<std::size_t>(mark - marks_.begin()) * kCodePointsPerMark;
  for (std::size_t at = *mark; at < byte; ++count) at += decode_utf8(text_, at).size_bytes;
  return count;
}

std::size_t CodePointIndex::byte_of(std::size_t code_point) const {
  if (code_point > size_) {
    throw Error(ErrorCode::kInvalidArgument, "code-point offset: expected at most " +
                                                 std::to_string(size_) + ", found " +
                                                 std::to_string(code_point));
  }
  if (marks_.empty()) return code_point;
  if (code_point == size_) return text_.size();
  std::size_t at = marks_[code_point / kCodePointsPerMark];
  for (std::size_t left = code_point % kCodePointsPerMark; left > 0; --left) {
    at += decode_utf8(text_, at).size_bytes;
  }
  return at;
}

}  // namespace deformer
