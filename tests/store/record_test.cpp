#include "store/record.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "store/hidden_codec.h"
#include "store/passage_check.h"
#include "store/passages.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

constexpr std::uint64_t kProjectionHash = 0x0123456789abcdef;
constexpr const char* kWhere = "store: passage \"p\"";

// A copy on a multiple of 64, as long as the object.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::string_view bytes, std::size_t offset = 0)
      : storage_(bytes.size() + 64 + offset) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    std::byte* begin = storage_.data() + (64 - address % 64) % 64 + offset;
    if (!bytes.empty()) std::memcpy(begin, bytes.data(), bytes.size());
    bytes_ = {begin, bytes.size()};
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> storage_;
  std::span<const std::byte> bytes_;
};

// The copy of the states that decode_record() may return lives in the passage.
EncodedPassage decode(std::string_view record) {
  const auto aligned = std::make_shared<AlignedBytes>(record);
  return decode_record(aligned->bytes(), aligned, kWhere);
}

void expect_refused(std::string_view record, const std::string& what) {
  try {
    static_cast<void>(decode(record));
    ADD_FAILURE() << "accepted: " << what;
  } catch (const Error& error) {
    const bool expected =
        error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kIncompatible;
    EXPECT_TRUE(expected) << what << ": " << error.what();
    EXPECT_EQ(std::string(error.what()).find(kWhere), 0U) << error.what();
  }
}

// Makes the checksum right again, so that the checks behind it are reached.
std::string resealed(std::string record) {
  const std::uint64_t checksum = hash64(std::string_view(record).substr(0, record.size() - 8));
  std::memcpy(record.data() + record.size() - 8, &checksum, 8);
  return record;
}

EncodedPassage small_passage(HiddenCodec codec, std::uint64_t projection_hash = 0) {
  return make_passage(
      "p", 1, {.tokens = 13, .hidden_size = 3, .codec = codec, .projection_hash = projection_hash});
}

// One of each version.
std::vector<EncodedPassage> small_passages(HiddenCodec codec) {
  return {small_passage(codec), small_passage(codec, kProjectionHash)};
}

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(DEFORMER_SOURCE_DIR) / "tests/golden/store" / name;
}

// What make_golden_store.py put into its records.
struct GoldenPassage {
  EncodedPassage passage;  // without states
  std::vector<float> values;
  std::size_t rows = 0;
  std::size_t hidden_size = 0;
};

GoldenPassage load_golden() {
  const nlohmann::json file = load_json(golden("v1.json"));
  GoldenPassage result;
  const auto hex = file["id_hex"].get<std::string>();
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    result.passage.id += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  result.passage.text = file["text"].get<std::string>();
  for (const auto& span : file["spans"]) result.passage.spans.push_back({span[0], span[1]});
  for (const auto& window : file["windows"]) {
    result.passage.windows.push_back({window[0], window[1]});
  }
  for (const auto& value : file["values"]) result.values.push_back(value.get<float>());
  result.rows = file["rows"];
  result.hidden_size = file["hidden_size"];
  return result;
}

// The same with what version 2 adds.
EncodedPassage load_golden_projections(HiddenCodec codec) {
  GoldenPassage golden_passage = load_golden();
  const nlohmann::json file = load_json(golden("v2.json"));
  EncodedPassage passage = std::move(golden_passage.passage);
  const auto projections = file["projections"].get<std::vector<float>>();
  const std::size_t width = golden_passage.hidden_size;
  passage.hidden = encode_hidden(golden_passage.values, golden_passage.rows, width, codec);
  passage.projections = encode_hidden(projections, 3 * golden_passage.rows, width, codec);
  passage.projection_hash = file["projection_hash"];
  return passage;
}

class RecordOfCodec : public testing::TestWithParam<HiddenCodec> {};

INSTANTIATE_TEST_SUITE_P(All, RecordOfCodec,
                         testing::Values(HiddenCodec::kFp32, HiddenCodec::kFp16,
                                         HiddenCodec::kInt8),
                         [](const auto& codec) { return to_string(codec.param); });

TEST_P(RecordOfCodec, ReadsVersionOne) {
  const GoldenPassage expected = load_golden();
  const EncodedPassage found = decode(read_file(golden("v1." + to_string(GetParam()) + ".record")));
  EXPECT_EQ(found.id, expected.passage.id);
  EXPECT_EQ(found.text, expected.passage.text);
  EXPECT_EQ(found.spans, expected.passage.spans);
  EXPECT_EQ(found.windows, expected.passage.windows);
  EXPECT_EQ(found.hidden.codec, GetParam());
  ASSERT_EQ(found.hidden.rows, expected.rows);
  ASSERT_EQ(found.hidden.hidden_size, expected.hidden_size);
  std::vector<float> values(expected.values.size());
  decode_hidden(found.hidden, 0, found.hidden.rows, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = expected.values[i];
    float tolerance = 0;
    if (GetParam() == HiddenCodec::kFp16) tolerance = std::fabs(value) * 0x1p-11F + 0x1p-25F;
    if (GetParam() == HiddenCodec::kInt8) {
      tolerance = found.hidden.scales[i / expected.hidden_size] * 0.50001F;
    }
    const float kept =
        GetParam() == HiddenCodec::kFp16 ? std::clamp(value, -65504.F, 65504.F) : value;
    EXPECT_NEAR(values[i], kept, tolerance) << i;
  }
}

TEST_P(RecordOfCodec, WritesVersionOneByteForByte) {
  GoldenPassage golden_passage = load_golden();
  golden_passage.passage.hidden = encode_hidden(golden_passage.values, golden_passage.rows,
                                                golden_passage.hidden_size, GetParam());
  EXPECT_EQ(encode_record(golden_passage.passage),
            read_file(golden("v1." + to_string(GetParam()) + ".record")));
}

TEST_P(RecordOfCodec, ReadsAndWritesVersionTwoByteForByte) {
  const std::string expected = read_file(golden("v2." + to_string(GetParam()) + ".record"));
  const EncodedPassage passage = load_golden_projections(GetParam());
  EXPECT_EQ(passage.projection_hash, kProjectionHash);
  EXPECT_TRUE(is_same(decode(expected), passage));
  EXPECT_EQ(encode_record(passage), expected);
}

TEST_P(RecordOfCodec, RoundTrips) {
  for (const std::size_t tokens : {1, 2, 11, 12, 13, 40, 1000}) {
    for (const std::size_t hidden_size : {1, 3, 16, 77}) {
      PassageShape shape{.tokens = tokens, .hidden_size = hidden_size, .codec = GetParam()};
      for (const std::uint64_t projection_hash : {std::uint64_t{0}, kProjectionHash}) {
        shape.projection_hash = projection_hash;
        const EncodedPassage passage = make_passage("p", tokens, shape);
        EXPECT_TRUE(is_same(decode(encode_record(passage)), passage))
            << tokens << " " << hidden_size << " " << projection_hash;
      }
    }
  }
  const EncodedPassage empty = make_empty_passage("p", "no token");
  EXPECT_TRUE(is_same(decode(encode_record(empty)), empty));
}

TEST_P(RecordOfCodec, FindsEveryChangedByte) {
  for (const EncodedPassage& passage : small_passages(GetParam())) {
    const std::string record = encode_record(passage);
    for (std::size_t at = 0; at < record.size(); ++at) {
      for (int change = 1; change < 256; change += change < 128 ? change : 127) {
        std::string damaged = record;
        damaged[at] = static_cast<char>(damaged[at] ^ change);
        expect_refused(damaged, "byte " + std::to_string(at) + " ^ " + std::to_string(change));
      }
    }
  }
}

TEST_P(RecordOfCodec, FindsEveryTruncationAndWhatFollows) {
  for (const EncodedPassage& passage : small_passages(GetParam())) {
    const std::string record = encode_record(passage);
    for (std::size_t size = 0; size < record.size(); ++size) {
      expect_refused(record.substr(0, size), "cut to " + std::to_string(size));
    }
    expect_refused(record + '\0', "a byte more");
    expect_refused(record + record, "twice");
  }
}

// A writer that is wrong but consistent: whatever the checks behind the checksum let through is a
// passage that could have been written.
TEST_P(RecordOfCodec, SurvivesDamageWithARightChecksum) {
  std::vector<std::string> records;
  for (const EncodedPassage& passage : small_passages(GetParam())) {
    records.push_back(encode_record(passage));
  }
  std::mt19937_64 random(1);
  std::size_t refused = 0;
  constexpr int kRounds = 20000;
  for (int round = 0; round < kRounds; ++round) {
    const std::string& record = records[random() % records.size()];
    std::string damaged = record;
    // Mostly where the structure is.
    const std::size_t within = round % 4 == 0 ? record.size() - 8 : 256;
    for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      damaged[random() % within] = static_cast<char>(random() % 2 == 0 ? random() : 0xff);
    }
    if (round % 8 == 0) damaged.resize(72 + random() % (damaged.size() - 72));
    try {
      const EncodedPassage passage = decode(resealed(std::move(damaged)));
      validate_passage(passage);
    } catch (const Error& error) {
      ASSERT_NE(error.code(), ErrorCode::kInvalidArgument) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, kRounds / 4U);
}

TEST_P(RecordOfCodec, IsAViewWhereAlignedAndACopyElsewhere) {
  const EncodedPassage passage = small_passage(GetParam());
  const std::string record = encode_record(passage);
  for (std::size_t offset = 0; offset < 16; ++offset) {
    const AlignedBytes aligned(record, offset);
    const EncodedPassage found = decode_record(aligned.bytes(), nullptr, kWhere);
    EXPECT_TRUE(is_same(found, passage)) << offset;
    const auto address = reinterpret_cast<std::uintptr_t>(found.hidden.values.data());
    EXPECT_EQ(address % 4, 0U);
    const bool is_view = found.hidden.values.data() >= aligned.bytes().data() &&
                         found.hidden.values.data() < aligned.bytes().data() + record.size();
    EXPECT_EQ(is_view, offset % 4 == 0) << offset;
    EXPECT_EQ(found.hidden.owner == nullptr, is_view);
    if (is_view) {
      EXPECT_EQ(address % 64, offset);
    }
  }
}

TEST(Record, NamesBothVersionsOfANewerOne) {
  std::string record = encode_record(small_passage(HiddenCodec::kFp16));
  record[4] = 7;
  expect_error(ErrorCode::kIncompatible, "version 2 or older, found version 7",
               [&] { static_cast<void>(decode(record)); });
}

TEST(Record, NamesTheFieldThatIsOutOfRange) {
  const std::string record = encode_record(small_passage(HiddenCodec::kFp16));
  const auto refuse = [&](std::size_t at, std::uint32_t value, const std::string& text) {
    std::string damaged = record;
    std::memcpy(damaged.data() + at, &value, 4);
    expect_error(ErrorCode::kCorrupt, text, [&] { static_cast<void>(decode(resealed(damaged))); });
  };
  refuse(0, 0x12345678, "expected a passage record, found other data");
  refuse(4, 0x00030001, "unknown codec");
  refuse(8, 12, "expected a record of 12 bytes");
  refuse(16, 1, "hash of its text");
  refuse(24, 0xffffffff, "beyond the end");
  refuse(28, 12, "window 1");
  refuse(28, 14, "all 14 tokens covered");
  refuse(32, 0, "number of windows");
  refuse(32, 0xffffffff, "beyond the end");
  refuse(36, 0xffffffff, "more rows than bytes");
  refuse(40, 0, "hidden size");
  refuse(40, 0xffffffff, "hidden size");
  refuse(44, 0x1000, "sections do not fill");
  refuse(44, 1, "zeros as padding");
  refuse(48, 0, "id length");
  refuse(48, 501, "id length");
  refuse(52, 1, "reserved");
  refuse(56, 1, "hash of the projections");
  refuse(4, 0x00010002, "hash of the projections");
}

TEST(Record, IsOfVersionOneWithoutProjections) {
  EXPECT_EQ(encode_record(small_passage(HiddenCodec::kFp16))[4], 1);
  EXPECT_EQ(encode_record(small_passage(HiddenCodec::kFp16, kProjectionHash))[4], 2);
}

TEST(Record, CopiesProjectionsThatLieAskew) {
  const EncodedPassage passage = small_passage(HiddenCodec::kInt8, kProjectionHash);
  const std::string record = encode_record(passage);
  for (const std::size_t offset : {0U, 1U, 2U, 4U}) {
    const AlignedBytes bytes(record, offset);
    EXPECT_TRUE(is_same(decode_record(bytes.bytes(), nullptr, kWhere), passage)) << offset;
  }
}

TEST(Record, RefusesUnusableScales) {
  const EncodedPassage passage = small_passage(HiddenCodec::kInt8);
  const std::string record = encode_record(passage);
  const std::size_t scales =
      record.rfind(std::string(reinterpret_cast<const char*>(passage.hidden.scales.data()),
                               passage.hidden.scales.size_bytes()));
  ASSERT_NE(scales, std::string::npos);
  for (const float scale : {-1.0F, INFINITY, NAN}) {
    std::string damaged = record;
    std::memcpy(damaged.data() + scales, &scale, 4);
    expect_error(ErrorCode::kCorrupt, "scales",
                 [&] { static_cast<void>(decode(resealed(damaged))); });
  }
}

TEST(Record, RefusesPaddingThatIsNotZero) {
  const EncodedPassage passage = small_passage(HiddenCodec::kFp16);
  std::string record = encode_record(passage);
  const std::size_t values = record.rfind(std::string(
      reinterpret_cast<const char*>(passage.hidden.values.data()), passage.hidden.values.size()));
  ASSERT_EQ(values % 64, 0U);
  record[values - 1] = 1;
  expect_error(ErrorCode::kCorrupt, "zeros as padding",
               [&] { static_cast<void>(decode(resealed(record))); });
}

// What a writer of ill will can make: any bytes, with the right checksum and length. Whatever is
// accepted can be used, encoded again and decoded.
TEST(Record, WithARightChecksumIsUsableOrRefused) {
  std::mt19937 random(5);
  const auto below = [&](std::size_t end) { return std::size_t{random()} % end; };
  const std::array records{
      encode_record(make_passage("p")), encode_record(make_empty_passage("p", "text")),
      encode_record(make_passage("p", 0, {.codec = HiddenCodec::kInt8, .projection_hash = 3}))};
  std::size_t accepted = 0;
  for (int trial = 0; trial < 30000; ++trial) {
    std::string record = records.at(below(records.size()));
    // Mostly the head and what follows it.
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at =
          below(below(4) > 0 ? std::min<std::size_t>(record.size(), 200) : record.size());
      constexpr std::array<unsigned char, 6> kEdges{0, 1, 0x7f, 0x80, 0xfe, 0xff};
      record[at] = static_cast<char>(below(2) == 0 ? kEdges.at(below(kEdges.size())) : random());
    }
    if (below(8) == 0) record.resize(72 + below(record.size() - 71));
    const std::uint64_t size = record.size();
    if (below(4) > 0) std::memcpy(record.data() + 8, &size, sizeof size);
    try {
      const EncodedPassage passage = decode(resealed(record));
      ++accepted;
      validate_passage(passage);
      ASSERT_EQ(encode_record(passage).size(), record.size());
      std::vector<float> values(passage.hidden.rows * passage.hidden.hidden_size);
      decode_hidden(passage.hidden, 0, passage.hidden.rows, values);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
  EXPECT_GT(accepted, 300U);
}

TEST(Record, RefusesTheRecordOfAnotherPassage) {
  const AlignedBytes record(encode_record(make_passage("other")));
  expect_error(ErrorCode::kCorrupt, "lmdb:x: passage \"p\": expected its record, found that of",
               [&] { static_cast<void>(read_record(record.bytes(), nullptr, "p", "lmdb:x")); });
}

TEST(Record, TellsItsHashesFromItsHeadAlone) {
  const EncodedPassage passage = make_passage("p", 0, {.projection_hash = 7});
  const std::string record = encode_record(passage);
  const AlignedBytes head(record.substr(0, 72));
  EXPECT_EQ(record_hashes(head.bytes(), kWhere), (PassageHashes{hash64(passage.text), 7}));
  const AlignedBytes cut(record.substr(0, 71));
  expect_error(ErrorCode::kCorrupt, kWhere,
               [&] { static_cast<void>(record_hashes(cut.bytes(), kWhere)); });
}

// English as BERT's word pieces cut it: about 4.9 bytes a token with the blanks.
TEST(Record, CostsLessThanTwoPercentBesideTheStates) {
  const std::string words =
      "The Norman dynasty had a major political, cultural and military impact on medieval Europe "
      "and even the Near East. The Normans were famed for their martial spirit and eventually for "
      "their Christian piety, becoming exponents of the Catholic orthodoxy into which they "
      "assimilated. They adopted the Gallo-Romance language of the Frankish land they settled, "
      "their dialect becoming known as Norman, Normaund or Norman French, an important literary "
      "language. The Duchy of Normandy, which they formed by treaty with the French crown, was a "
      "great fief of medieval France, and under Richard I of Normandy was forged into a cohesive "
      "and formidable principality in feudal tenure. ";
  EncodedPassage passage;
  passage.id = "56ddde6b9a695914005b9628";
  passage.text = words;
  for (std::size_t at = 0; at < words.size();) {
    // A token: up to six letters, or one other character.
    std::size_t end = at;
    while (end < words.size() && std::isalpha(words[end]) != 0 && end - at < 6) ++end;
    if (end == at) ++end;
    if (words[at] != ' ') {
      passage.spans.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
    }
    at = end;
  }
  const auto tokens = static_cast<std::uint32_t>(passage.spans.size());
  passage.windows = {{0, tokens}};
  const std::size_t rows = tokens + 1;
  const double bytes_per_token = static_cast<double>(words.size()) / tokens;
  EXPECT_GT(bytes_per_token, 4.3);
  const std::vector<float> values = make_values(rows * 384, 1);
  passage.hidden = encode_hidden(values, rows, 384, HiddenCodec::kFp16);
  EXPECT_LT(RecordWriter(passage).size(), static_cast<double>(rows) * 2 * 384 * 1.02);
  passage.hidden = encode_hidden(values, rows, 384, HiddenCodec::kInt8);
  EXPECT_LT(RecordWriter(passage).size(), static_cast<double>(rows) * (384 + 4) * 1.02);
}

}  // namespace
}  // namespace deformer::test
