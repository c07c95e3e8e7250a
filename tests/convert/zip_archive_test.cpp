#include "convert/zip_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "convert/crc.h"
#include "convert/files.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::expect_error;
using test::golden_convert;
using test::read_bytes;
using test::TempDir;
using test::write_bytes;

template <typename Integer>
std::string little_endian(Integer value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// An archive of one record whose sizes, offset and counts all stand in zip64 fields, as in files of
// more than 4 GiB (PKWARE's APPNOTE.TXT, 4.3 and 4.5.3).
std::string zip64_archive(const std::string& name, const std::string& data) {
  const auto u16 = [](std::uint16_t value) { return little_endian(value); };
  const auto u32 = [](std::uint32_t value) { return little_endian(value); };
  const auto u64 = [](std::uint64_t value) { return little_endian(value); };
  const std::uint32_t all = 0xffffffff;
  const std::string checked = u32(0) + u32(crc32(test::as_bytes(data)));  // time, date, CRC
  const std::string local = "PK\3\4" + u16(45) + u16(0) + u16(0) + checked + u32(all) + u32(all) +
                            u16(static_cast<std::uint16_t>(name.size())) + u16(20) + name + u16(1) +
                            u16(16) + u64(data.size()) + u64(data.size()) + data;
  const std::string central = "PK\1\2" + u16(45) + u16(45) + u16(0) + u16(0) + checked + u32(all) +
                              u32(all) + u16(static_cast<std::uint16_t>(name.size())) + u16(28) +
                              u16(0) + std::string(8, '\0') + u32(all) + name + u16(1) + u16(24) +
                              u64(data.size()) + u64(data.size()) + u64(0);
  const std::string end64 = "PK\6\6" + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(1) +
                            u64(1) + u64(central.size()) + u64(local.size());
  const std::string locator = "PK\6\7" + u32(0) + u64(local.size() + central.size()) + u32(1);
  return local + central + end64 + locator + "PK\5\6" + u32(0) + u16(0xffff) + u16(0xffff) +
         u32(all) + u32(all) + u16(0);
}

const std::string kCentral = "PK\x01\x02";

class Archive : public testing::Test {
 protected:
  Archive() : bytes(read_bytes(golden_convert("torch/hostile/pytorch_model.bin"))) {}

  [[nodiscard]] ZipArchive open() const {
    write_bytes(dir_ / "a.zip", bytes);
    return ZipArchive::open(dir_ / "a.zip");
  }
  void expect_refused(ErrorCode code, const std::string& text) const {
    expect_error(code, text, [&] { (void)open(); });
  }
  /// The first entry of the directory.
  [[nodiscard]] std::size_t directory() const { return bytes.find(kCentral); }

  std::string bytes;

 private:
  TempDir dir_;
};

TEST_F(Archive, ReadsWhatTorchSaveWrote) {
  const ZipArchive archive = open();
  const auto& records = archive.records();
  ASSERT_TRUE(records.contains("pytorch_model/data.pkl"));
  ASSERT_TRUE(records.contains("pytorch_model/data/0"));
  EXPECT_EQ(records.at("pytorch_model/data/0").bytes.size(), sizeof(float));
  for (const auto& [name, record] : records) check_record(name, record, "a.zip");
}

TEST_F(Archive, ReadsZip64) {
  bytes = zip64_archive("m/data.pkl", "twelve bytes");
  const ZipArchive archive = open();
  const auto& record = archive.records().at("m/data.pkl");
  EXPECT_EQ(record.bytes.size(), 12u);
  check_record("m/data.pkl", record, "a.zip");
  bytes[bytes.find("PK\6\7")] = 'X';
  expect_refused(ErrorCode::kCorrupt, "expected the locator of a zip64 directory");
}

TEST_F(Archive, TruncatedOrNoArchive) {
  const std::string whole = bytes;
  bytes = whole.substr(0, whole.size() - 30);
  expect_refused(ErrorCode::kCorrupt, "a.zip: expected the end of a zip archive's directory");
  bytes = "PK";
  expect_refused(ErrorCode::kCorrupt, "expected the end of a zip archive's directory");
  bytes = whole.substr(100);  // every offset is wrong
  expect_refused(ErrorCode::kCorrupt, "a.zip");
}

TEST_F(Archive, DamagedDirectory) {
  bytes[directory()] = 'X';
  expect_refused(ErrorCode::kCorrupt, "the signature of a directory entry");
}

TEST_F(Archive, CompressedRecord) {
  bytes[directory() + 10] = 8;
  expect_refused(ErrorCode::kUnsupported,
                 "expected a record without compression (as torch.save writes it), found "
                 "compression method 8");
}

TEST_F(Archive, EncryptedRecord) {
  bytes[directory() + 8] |= 1;
  expect_refused(ErrorCode::kUnsupported, "found encrypted ones");
}

TEST_F(Archive, RecordOutsideTheFile) {
  const std::uint32_t far = 0x7fffffff;
  std::memcpy(&bytes[directory() + 42], &far, sizeof(far));
  expect_refused(ErrorCode::kCorrupt, "expected a local header within the ");
}

TEST_F(Archive, RecordLongerThanTheFile) {
  const std::uint32_t size = 0x7fffffff;
  std::memcpy(&bytes[directory() + 20], &size, sizeof(size));
  std::memcpy(&bytes[directory() + 24], &size, sizeof(size));
  expect_refused(ErrorCode::kCorrupt, "more bytes, found");
}

TEST_F(Archive, NamesThatContradictEachOther) {
  bytes[30] = 'X';  // of the first local header
  expect_refused(ErrorCode::kCorrupt, "expected the name of the directory");
}

TEST_F(Archive, DamagedRecord) {
  const std::size_t pickle = bytes.find("ccollections");
  bytes[pickle == std::string::npos ? bytes.find("torch._utils") : pickle] ^= 1;
  const ZipArchive archive = open();
  const auto& record = archive.records().at("pytorch_model/data.pkl");
  expect_error(ErrorCode::kCorrupt, "record \"pytorch_model/data.pkl\": expected bytes with CRC-32",
               [&] { check_record("pytorch_model/data.pkl", record, "a.zip"); });
}

TEST_F(Archive, AnyFlippedByteIsFoundOrHarmless) {
  const std::string whole = bytes;
  const auto check = [&] {
    const ZipArchive archive = open();
    for (const auto& [name, record] : archive.records()) check_record(name, record, "a.zip");
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
    try {
      check();
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
    }
  }
}

}  // namespace
}  // namespace deformer
