#include "store/span_code.h"

#include <cstdint>
#include <limits>

namespace deformer {
namespace {

constexpr std::uint64_t kLongGap = 3;
constexpr std::uint64_t kLongLength = 63;

void append_varint(std::vector<std::byte>& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
  out.push_back(static_cast<std::byte>(value));
}

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

bool is_short_gap(std::int64_t gap) {
  return gap >= 0 && gap < static_cast<std::int64_t>(kLongGap);
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::uint64_t byte() { return static_cast<std::uint64_t>(bytes_[at_++]); }

  // No value here needs more than 33 bits; five bytes carry 35.
  [[nodiscard]] std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 35 && !at_end(); shift += 7) {
      const std::uint64_t next = byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return next == 0 && shift > 0 ? std::nullopt : std::optional(value);
    }
    return std::nullopt;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

std::optional<ByteSpan> read_span(Reader& reader, std::uint32_t previous_end) {
  if (reader.at_end()) return std::nullopt;
  const std::uint64_t head = reader.byte();
  auto gap = static_cast<std::int64_t>(head >> 6);
  std::uint64_t length = head & 63;
  if (head >> 6 == kLongGap) {
    const auto code = reader.varint();
    if (!code || is_short_gap(unzigzag(*code))) return std::nullopt;
    gap = unzigzag(*code);
  }
  if (length == kLongLength) {
    const auto more = reader.varint();
    if (!more) return std::nullopt;
    length += *more;
  }
  const std::int64_t begin = static_cast<std::int64_t>(previous_end) + gap;
  const std::int64_t end = begin + static_cast<std::int64_t>(length);
  if (begin < 0 || end > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return ByteSpan{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

}  // namespace

std::vector<std::byte> encode_token_spans(std::span<const ByteSpan> spans) {
  std::vector<std::byte> out;
  out.reserve(spans.size() + spans.size() / 16);
  std::int64_t previous_end = 0;
  for (const ByteSpan span : spans) {
    const std::int64_t gap = span.begin - previous_end;
    const std::uint64_t length = span.end - span.begin;
    const std::uint64_t gap_bits = is_short_gap(gap) ? static_cast<std::uint64_t>(gap) : kLongGap;
    const std::uint64_t length_bits = length < kLongLength ? length : kLongLength;
    out.push_back(static_cast<std::byte>(gap_bits << 6 | length_bits));
    if (gap_bits == kLongGap) append_varint(out, zigzag(gap));
    if (length_bits == kLongLength) append_varint(out, length - kLongLength);
    previous_end = span.end;
  }
  return out;
}

std::optional<std::vector<ByteSpan>> decode_token_spans(std::span<const std::byte> bytes,
                                                        std::size_t count) {
  // Each span takes a byte at least: a wrong count cannot reserve more than the input.
  if (count > bytes.size()) return std::nullopt;
  std::vector<ByteSpan> spans;
  spans.reserve(count);
  Reader reader(bytes);
  for (std::uint32_t end = 0; spans.size() < count; end = spans.back().end) {
    const auto span = read_span(reader, end);
    if (!span) return std::nullopt;
    spans.push_back(*span);
  }
  if (!reader.at_end()) return std::nullopt;
  return spans;
}

}  // namespace deformer
