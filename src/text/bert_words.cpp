#include "text/bert_words.h"

#include <algorithm>
#include <array>

#include "text/bert_char_ranges.h"
#include "text/utf8.h"

namespace deformer {
namespace {

constexpr bool is_capital(unsigned char byte) {
  return byte >= 'A' && byte <= 'Z';
}

enum class PlainKind : std::uint8_t { kPart, kSpace, kAlone, kOther };

constexpr PlainKind plain_kind_of(BertCharKind kind) {
  if (kind == BertCharKind::kSpace) return PlainKind::kSpace;
  return kind == BertCharKind::kPunctuation ? PlainKind::kAlone : PlainKind::kOther;
}

// By byte; kOther (dropped, or not ASCII) leaves the short way.
constexpr auto make_plain_kinds() {
  std::array<PlainKind, 256> kinds{};
  for (unsigned byte = 0; byte < kinds.size(); ++byte) {
    kinds[byte] = byte < 0x80 ? PlainKind::kPart : PlainKind::kOther;
  }
  for (const BertCharRange& range : kBertCharRanges) {
    for (char32_t c = range.first; c <= range.last && c < 0x80; ++c) {
      kinds[c] = plain_kind_of(range.kind);
    }
  }
  return kinds;
}

constexpr auto kPlainKinds = make_plain_kinds();

PlainKind plain_kind(char byte) {
  return kPlainKinds[static_cast<unsigned char>(byte)];
}

BertCharStream::Role role_of(char32_t code_point) {
  return bert_char_kind(code_point) == BertCharKind::kPunctuation ? BertCharStream::Role::kAlone
                                                                  : BertCharStream::Role::kPart;
}

}  // namespace

const BertCharStream::Char* BertCharStream::peek() {
  if (ready_at_ == ready_.size()) {
    ready_.clear();
    ready_at_ = 0;
    while (ready_.empty() && position_ < text_.size()) read_one();
    if (ready_.empty()) flush_marks();
    if (ready_.empty()) return nullptr;
  }
  return &ready_[ready_at_];
}

void BertCharStream::read_one() {
  const DecodedChar c = decode_utf8(text_, position_);
  const ByteSpan source{static_cast<std::uint32_t>(position_),
                        static_cast<std::uint32_t>(position_ + c.size_bytes)};
  position_ += c.size_bytes;
  const BertCharKind kind = bert_char_kind(c.code_point);
  if (kind == BertCharKind::kDropped) return;
  if (kind == BertCharKind::kSpace) {
    flush_marks();
    ready_.push_back({U' ', source, Role::kBreak});
    return;
  }
  const bool alone = kind == BertCharKind::kIdeograph && cleaning_.split_ideographs;
  const Role role = alone ? Role::kAlone : Role::kPart;
  if (cleaning_.strip_accents) {
    decompose(c.code_point, source, role);
  } else {
    emit_cased(c.code_point, source, role);
  }
}

void BertCharStream::decompose(char32_t code_point, ByteSpan source, Role role) {
  bool leads = true;
  for (const std::int32_t value : CanonicalDecomposition(code_point)) {
    const auto part = static_cast<char32_t>(value);
    const BertCharKind kind = bert_char_kind(part);
    const int mark_class = combining_class(part, kind);
    if (mark_class == 0) {
      flush_marks();
      if (leads) last_source_ = source;
      if (kind != BertCharKind::kMark) emit_cased(part, source, role);
    } else {
      if (leads) mark_sources_.push_back(source);
      marks_.push_back({part, mark_class, kind, leads});
    }
    leads = false;
  }
}

// The reference aligns by position: after the marks are put in order, the n-th one that led a
// decomposition takes the n-th source of the run, and the others take the source before them.
void BertCharStream::flush_marks() {
  if (marks_.empty()) return;
  std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& a, const Mark& b) {
    return a.combining_class < b.combining_class;
  });
  auto next_source = mark_sources_.begin();
  for (const Mark& mark : marks_) {
    if (mark.leads) last_source_ = *next_source++;
    if (mark.kind != BertCharKind::kMark) emit_cased(mark.code_point, last_source_, Role::kPart);
  }
  marks_.clear();
  mark_sources_.clear();
}

void BertCharStream::emit_cased(char32_t code_point, ByteSpan source, Role role) {
  if (!cleaning_.lower_case) return emit(code_point, source, role);
  const LowerCase lower = lower_case(code_point);
  emit(lower.first, source, role);
  if (lower.second != 0) emit(lower.second, source, role);
}

void BertCharStream::emit(char32_t code_point, ByteSpan source, Role role) {
  ready_.push_back({code_point, source, role == Role::kPart ? role_of(code_point) : role});
}

SourcedText bert_normalized(std::string_view text, const BertCleaning& cleaning) {
  SourcedText result;
  result.text.reserve(text.size());
  BertCharStream stream(text, cleaning);
  while (const BertCharStream::Char* c = stream.peek()) {
    const bool apart = c->role == BertCharStream::Role::kAlone &&
                       bert_char_kind(c->code_point) != BertCharKind::kPunctuation;
    if (apart) result.text += ' ';
    append_utf8(result.text, c->code_point);
    if (apart) result.text += ' ';
    result.sources.resize(result.text.size(), c->source);
    stream.pop();
  }
  return result;
}

bool BertWords::next() {
  word_ = {};
  sources_.clear();
  code_points_ = 0;
  if (stream_.idle() && next_plain()) return true;
  finish_mapped();
  return !word_.empty();
}

// The short way: as long as the text is ASCII. Returns false when the word, begun or not, must be
// finished through the stream, or at the end.
bool BertWords::next_plain() {
  std::size_t begin = stream_.position();
  while (begin < text_.size() && plain_kind(text_[begin]) == PlainKind::kSpace) ++begin;
  std::size_t end = begin;
  while (end < text_.size() && plain_kind(text_[end]) == PlainKind::kPart) ++end;
  const bool at_end = end == text_.size();
  const PlainKind stop = at_end ? PlainKind::kSpace : plain_kind(text_[end]);
  if (end == begin && stop == PlainKind::kAlone) ++end;
  take_plain(begin, end);
  stream_.skip_to(end);
  return !word_.empty() && (stop != PlainKind::kOther);
}

void BertWords::take_plain(std::size_t begin, std::size_t end) {
  word_begin_ = static_cast<std::uint32_t>(begin);
  code_points_ = end - begin;
  word_ = text_.substr(begin, end - begin);
  if (!cleaning_.lower_case || std::none_of(word_.begin(), word_.end(), is_capital)) return;
  buffer_.resize(word_.size());
  std::transform(word_.begin(), word_.end(), buffer_.begin(),
                 [](char c) { return is_capital(c) ? static_cast<char>(c | 0x20) : c; });
  word_ = buffer_;
}

void BertWords::finish_mapped() {
  if (word_.data() != buffer_.data()) buffer_.assign(word_);
  map_plain();
  while (const BertCharStream::Char* c = stream_.peek()) {
    const bool part = c->role == BertCharStream::Role::kPart;
    if (!part && !buffer_.empty()) break;
    const bool alone = c->role == BertCharStream::Role::kAlone;
    if (part || alone) {
      append_utf8(buffer_, c->code_point);
      sources_.resize(buffer_.size(), c->source);
      ++code_points_;
    }
    stream_.pop();
    if (alone) break;
  }
  word_ = buffer_;
}

void BertWords::map_plain() {
  sources_.reserve(buffer_.size());
  for (std::uint32_t i = 0; i < buffer_.size(); ++i) {
    sources_.push_back({word_begin_ + i, word_begin_ + i + 1});
  }
}

}  // namespace deformer
