#include "store/record.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "store/hidden_codec.h"
#include "store/passage_check.h"
#include "store/span_code.h"

namespace deformer {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little-endian");

constexpr std::uint32_t kRecordMagic = 0x52504644;  // "DFPR"
constexpr std::uint16_t kPlainVersion = 1;          // without projections
constexpr std::size_t kVectorAlignment = 64;
constexpr std::size_t kChecksumBytes = 8;

// As it lies on disk; every field is at its natural offset.
struct Header {
  std::uint32_t magic = kRecordMagic;
  std::uint16_t version = kPlainVersion;
  std::uint8_t codec = 0;
  std::uint8_t reserved = 0;
  std::uint64_t record_bytes = 0;
  std::uint64_t text_hash = 0;
  std::uint32_t text_bytes = 0;
  std::uint32_t num_tokens = 0;
  std::uint32_t num_windows = 0;
  std::uint32_t special_tokens = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t spans_bytes = 0;
  std::uint16_t id_bytes = 0;
  std::uint8_t reserved_tail[6] = {};
  std::uint64_t projection_hash = 0;  // version 2
};
static_assert(sizeof(Header) == kRecordHeaderBytes);
static_assert(sizeof(Window) == 8);

// Offsets of the two sections of a matrix, and its rows.
struct MatrixPlace {
  std::uint64_t rows = 0;
  std::uint64_t values = 0;
  std::uint64_t values_end = 0;
  std::uint64_t scales = 0;
  std::uint64_t scales_end = 0;
};

// Offsets of the sections. In 64 bits nothing here can overflow before it exceeds a record's size:
// the factors are checked one by one.
struct RecordPlaces {
  std::uint64_t id = kRecordHeaderBytes;
  std::uint64_t text = 0;
  std::uint64_t windows = 0;
  std::uint64_t spans = 0;
  std::uint64_t spans_end = 0;
  MatrixPlace hidden;
  MatrixPlace projections;  // without rows it takes no place, not even padding
  std::uint64_t checksum = 0;
  std::uint64_t end = 0;
};

constexpr std::uint64_t round_up(std::uint64_t offset, std::uint64_t multiple) {
  return (offset + multiple - 1) / multiple * multiple;
}

// A matrix of so many rows that follows what ends at `begin`. Nothing when its size does not fit in
// 62 bits.
std::optional<MatrixPlace> matrix_after(std::uint64_t begin, const Header& header,
                                        std::uint64_t rows) {
  const auto codec = static_cast<HiddenCodec>(header.codec);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(rows, header.hidden_size * value_bytes(codec), &bytes) ||
      bytes > std::uint64_t{1} << 62) {
    return std::nullopt;
  }
  MatrixPlace matrix;
  matrix.rows = rows;
  matrix.values = round_up(begin, kVectorAlignment);
  matrix.values_end = matrix.values + bytes;
  matrix.scales = round_up(matrix.values_end, sizeof(float));
  matrix.scales_end = matrix.scales + (codec == HiddenCodec::kInt8 ? rows * sizeof(float) : 0);
  return matrix;
}

// Nothing when the size does not fit in 63 bits.
std::optional<RecordPlaces> places_of(const Header& header, std::uint64_t rows) {
  RecordPlaces places;
  places.text = places.id + header.id_bytes;
  places.windows = places.text + header.text_bytes;
  places.spans = places.windows + std::uint64_t{header.num_windows} * sizeof(Window);
  places.spans_end = places.spans + header.spans_bytes;
  const auto hidden = matrix_after(places.spans_end, header, rows);
  if (!hidden) return std::nullopt;
  places.hidden = *hidden;
  std::uint64_t end = places.hidden.scales_end;
  places.projections = {0, end, end, end, end};
  if (header.projection_hash != 0) {
    const auto projections = matrix_after(end, header, kProjectionsPerRow * rows);
    if (!projections) return std::nullopt;
    places.projections = *projections;
    end = places.projections.scales_end;
  }
  places.checksum = round_up(end, kChecksumBytes);
  places.end = places.checksum + kChecksumBytes;
  return places;
}

Header header_of(const EncodedPassage& passage, std::size_t spans_bytes,
                 std::uint32_t special_tokens) {
  Header header;
  header.codec = static_cast<std::uint8_t>(passage.hidden.codec);
  header.text_bytes = static_cast<std::uint32_t>(passage.text.size());
  header.num_tokens = static_cast<std::uint32_t>(passage.spans.size());
  header.num_windows = static_cast<std::uint32_t>(passage.windows.size());
  header.special_tokens = special_tokens;
  header.hidden_size = static_cast<std::uint32_t>(passage.hidden.hidden_size);
  header.spans_bytes = static_cast<std::uint32_t>(spans_bytes);
  header.id_bytes = static_cast<std::uint16_t>(passage.id.size());
  header.projection_hash = passage.projection_hash;
  if (passage.projection_hash != 0) header.version = kRecordVersion;
  return header;
}

// One record under examination. Each step relies on those before it, in the order that
// docs/store_format.md gives.
class RecordReader {
 public:
  RecordReader(std::span<const std::byte> bytes, std::string_view where)
      : bytes_(bytes), where_(where) {}

  void read_header();
  void check_record_bytes() const;
  void read_layout();
  void check_checksum() const;
  void check_padding() const;
  [[nodiscard]] EncodedPassage passage(std::shared_ptr<const void> owner) const;
  [[nodiscard]] const Header& header() const { return header_; }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorCode::kCorrupt, std::string(where_) + ": " + message);
  }
  void require(bool condition, const char* what) const {
    if (!condition) fail(std::string("the record's header is damaged: ") + what);
  }
  void require_zeros(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] std::string_view text_at(std::uint64_t begin, std::uint64_t end) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + begin, end - begin};
  }
  void read_windows();
  [[nodiscard]] std::vector<ByteSpan> spans() const;
  [[nodiscard]] HiddenStates matrix(const MatrixPlace& place,
                                    std::shared_ptr<const void> owner) const;
  void check_scales(const MatrixPlace& place) const;

  std::span<const std::byte> bytes_;
  std::string_view where_;
  Header header_;
  RecordPlaces places_;
  std::vector<Window> windows_;
  std::uint64_t rows_ = 0;
};

void RecordReader::read_header() {
  if (bytes_.size() < kRecordHeaderBytes + kChecksumBytes) {
    fail("expected a record of at least " + std::to_string(kRecordHeaderBytes + kChecksumBytes) +
         " bytes, found " + std::to_string(bytes_.size()));
  }
  std::memcpy(&header_, bytes_.data(), sizeof header_);
  if (header_.magic != kRecordMagic) fail("expected a passage record, found other data");
  if (header_.version > kRecordVersion) {
    throw Error(ErrorCode::kIncompatible,
                std::string(where_) + ": expected a record of version " +
                    std::to_string(kRecordVersion) + " or older, found version " +
                    std::to_string(header_.version) + " (written by a newer program)");
  }
  require(header_.version > 0, "version 0");
  require(header_.codec <= static_cast<std::uint8_t>(HiddenCodec::kInt8), "unknown codec");
  require(header_.id_bytes >= 1 && header_.id_bytes <= kMaxIdBytes, "id length");
  require(header_.hidden_size <= kMaxHiddenSize, "hidden size");
  require(header_.num_windows == 0 || header_.hidden_size > 0, "hidden size 0");
  require((header_.num_windows == 0) == (header_.num_tokens == 0), "number of windows");
  require(header_.num_windows > 0 || header_.special_tokens == 0, "special tokens");
  require(header_.reserved == 0, "reserved byte");
  require(std::all_of(std::begin(header_.reserved_tail), std::end(header_.reserved_tail),
                      [](std::uint8_t byte) { return byte == 0; }),
          "reserved bytes");
  require((header_.version == kPlainVersion) == (header_.projection_hash == 0),
          "hash of the projections");
}

void RecordReader::check_record_bytes() const {
  if (header_.record_bytes == bytes_.size()) return;
  fail("expected a record of " + std::to_string(header_.record_bytes) + " bytes, found " +
       std::to_string(bytes_.size()));
}

// The windows come first: without them the number of rows is unknown.
void RecordReader::read_windows() {
  const std::uint64_t begin =
      kRecordHeaderBytes + header_.id_bytes + std::uint64_t{header_.text_bytes};
  const std::uint64_t size = std::uint64_t{header_.num_windows} * sizeof(Window);
  require(begin <= bytes_.size() && size <= bytes_.size() - begin, "windows beyond the end");
  windows_.resize(header_.num_windows);
  if (size > 0) std::memcpy(windows_.data(), bytes_.data() + begin, size);
  for (const Window& window : windows_) {
    rows_ += std::uint64_t{window.num_tokens} + header_.special_tokens;
    // A row takes a byte at least.
    if (rows_ > bytes_.size()) fail("the record is damaged: more rows than bytes");
  }
}

void RecordReader::read_layout() {
  read_windows();
  const auto places = places_of(header_, rows_);
  if (!places || places->end != bytes_.size()) {
    fail("the record is damaged: its sections do not fill its " + std::to_string(bytes_.size()) +
         " bytes");
  }
  places_ = *places;
}

void RecordReader::check_checksum() const {
  std::uint64_t expected = 0;
  std::memcpy(&expected, bytes_.data() + places_.checksum, sizeof expected);
  if (kChecksumsCount && hash64(bytes_.first(places_.checksum)) != expected) {
    fail("the record is damaged: its checksum does not match");
  }
}

void RecordReader::require_zeros(std::uint64_t begin, std::uint64_t end) const {
  const auto padding = bytes_.subspan(begin, end - begin);
  if (std::any_of(padding.begin(), padding.end(),
                  [](std::byte byte) { return byte != std::byte{}; })) {
    fail("expected zeros as padding, found other bytes");
  }
}

void RecordReader::check_padding() const {
  require_zeros(places_.spans_end, places_.hidden.values);
  require_zeros(places_.hidden.values_end, places_.hidden.scales);
  require_zeros(places_.hidden.scales_end, places_.projections.values);
  require_zeros(places_.projections.values_end, places_.projections.scales);
  require_zeros(places_.projections.scales_end, places_.checksum);
}

std::vector<ByteSpan> RecordReader::spans() const {
  auto spans =
      decode_token_spans(bytes_.subspan(places_.spans, header_.spans_bytes), header_.num_tokens);
  if (!spans) fail("expected the spans of " + std::to_string(header_.num_tokens) + " tokens");
  if (const auto fault = find_span_fault(*spans, header_.text_bytes)) fail(*fault);
  return std::move(*spans);
}

void RecordReader::check_scales(const MatrixPlace& place) const {
  for (std::uint64_t at = place.scales; at < place.scales_end; at += sizeof(float)) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes_.data() + at, sizeof bits);
    // Positive and finite in one comparison: sign and an exponent of all ones make it greater.
    if (bits >= 0x7f800000U) fail("expected finite scales that are not negative");
  }
}

HiddenStates RecordReader::matrix(const MatrixPlace& place,
                                  std::shared_ptr<const void> owner) const {
  const std::byte* values = bytes_.data() + place.values;
  const std::size_t num_scales = (place.scales_end - place.scales) / sizeof(float);
  HiddenStates states{.codec = static_cast<HiddenCodec>(header_.codec),
                      .rows = place.rows,
                      .hidden_size = header_.hidden_size,
                      .values = {values, place.values_end - place.values},
                      .scales = {},
                      .owner = std::move(owner)};
  if (reinterpret_cast<std::uintptr_t>(values) % alignof(float) == 0) {
    states.scales = {reinterpret_cast<const float*>(bytes_.data() + place.scales), num_scales};
    return states;
  }
  // The scales follow the values, so one copy moves both to an aligned place.
  const std::size_t size = place.scales_end - place.values;
  auto copy = std::make_shared<std::vector<float>>((size + sizeof(float) - 1) / sizeof(float));
  if (size > 0) std::memcpy(copy->data(), values, size);
  const auto* base = reinterpret_cast<const std::byte*>(copy->data());
  states.values = {base, states.values.size()};
  states.scales = {copy->data() + (place.scales - place.values) / sizeof(float), num_scales};
  states.owner = std::move(copy);
  return states;
}

EncodedPassage RecordReader::passage(std::shared_ptr<const void> owner) const {
  if (const auto fault = find_window_fault(windows_, header_.num_tokens)) fail(*fault);
  EncodedPassage passage;
  passage.id = text_at(places_.id, places_.text);
  passage.text = text_at(places_.text, places_.windows);
  if (hash64(passage.text) != header_.text_hash) fail("the hash of its text does not match");
  passage.spans = spans();
  passage.windows = windows_;
  check_scales(places_.hidden);
  check_scales(places_.projections);
  passage.projection_hash = header_.projection_hash;
  if (header_.projection_hash != 0) passage.projections = matrix(places_.projections, owner);
  passage.hidden = matrix(places_.hidden, std::move(owner));
  return passage;
}

// Fills a buffer front to back; what it skips becomes zeros.
class SectionWriter {
 public:
  explicit SectionWriter(std::span<std::byte> out) : out_(out) {}

  void put(std::uint64_t at, const void* data, std::size_t size) {
    std::memset(out_.data() + end_, 0, at - end_);
    if (size > 0) std::memcpy(out_.data() + at, data, size);
    end_ = at + size;
  }

  void put(const MatrixPlace& place, const HiddenStates& matrix) {
    put(place.values, matrix.values.data(), matrix.values.size());
    put(place.scales, matrix.scales.data(), matrix.scales.size_bytes());
  }

 private:
  std::span<std::byte> out_;
  std::uint64_t end_ = 0;
};

}  // namespace

RecordWriter::RecordWriter(const EncodedPassage& passage) : passage_(&passage) {
  validate_passage(passage);
  spans_ = encode_token_spans(passage.spans);
  special_tokens_ = special_tokens_of(passage);
  const Header header = header_of(passage, spans_.size(), special_tokens_);
  const auto places = places_of(header, passage.hidden.rows);
  if (!places || spans_.size() > UINT32_MAX || passage.windows.size() > UINT32_MAX) {
    throw Error(ErrorCode::kInvalidArgument,
                "passage " + in_quotes(passage.id) + ": too large for one record");
  }
  size_ = places->end;
}

void RecordWriter::write(std::span<std::byte> out) const {
  DEFORMER_CHECK(out.size() == size_);
  Header header = header_of(*passage_, spans_.size(), special_tokens_);
  header.record_bytes = size_;
  header.text_hash = hash64(passage_->text);
  const auto places = places_of(header, passage_->hidden.rows);
  SectionWriter writer(out);
  writer.put(0, &header, sizeof header);
  writer.put(places->id, passage_->id.data(), passage_->id.size());
  writer.put(places->text, passage_->text.data(), passage_->text.size());
  writer.put(places->windows, passage_->windows.data(), passage_->windows.size() * sizeof(Window));
  writer.put(places->spans, spans_.data(), spans_.size());
  writer.put(places->hidden, passage_->hidden);
  writer.put(places->projections, passage_->projections);
  writer.put(places->checksum, nullptr, 0);
  const std::uint64_t checksum = hash64(out.first(places->checksum));
  writer.put(places->checksum, &checksum, sizeof checksum);
}

std::string encode_record(const RecordWriter& writer) {
  std::string record(writer.size(), '\0');
  writer.write(std::as_writable_bytes(std::span(record)));
  return record;
}

std::string encode_record(const EncodedPassage& passage) {
  return encode_record(RecordWriter(passage));
}

EncodedPassage decode_record(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                             std::string_view where) {
  RecordReader reader(bytes, where);
  reader.read_header();
  reader.check_record_bytes();
  reader.read_layout();
  reader.check_checksum();
  reader.check_padding();
  return reader.passage(std::move(owner));
}

std::shared_ptr<const EncodedPassage> read_record(std::span<const std::byte> bytes,
                                                  std::shared_ptr<const void> owner,
                                                  std::string_view id, std::string_view store) {
  const std::string where = std::string(store) + ": passage " + in_quotes(id);
  auto passage =
      std::make_shared<const EncodedPassage>(decode_record(bytes, std::move(owner), where));
  if (passage->id != id) {
    throw Error(ErrorCode::kCorrupt,
                where + ": expected its record, found that of passage " + in_quotes(passage->id));
  }
  return passage;
}

PassageHashes record_hashes(std::span<const std::byte> bytes, std::string_view where) {
  RecordReader reader(bytes, where);
  reader.read_header();
  return {reader.header().text_hash, reader.header().projection_hash};
}

}  // namespace deformer
