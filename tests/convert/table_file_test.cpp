#include "convert/table_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "convert/files.h"
#include "convert/table_writer.h"
#include "support/expect_error.h"

namespace deformer {
namespace {

using test::as_bytes;
using test::expect_error;
using test::TableWriter;
using testing::HasSubstr;

std::string two_blocks() {
  TableWriter writer;
  writer.add_block({{"", "header"}, {"layer_0/bias", "a"}, {"layer_0/kernel", "bb"}});
  writer.add_block({{"layer_1/bias", ""}, {"z", std::string(300, 'c')}});
  return writer.finish();
}

void expect_table_refused(ErrorCode code, const std::string& text, const std::string& file) {
  expect_error(code, text, [&] { (void)read_table(as_bytes(file), "t.index"); });
}

TEST(TableFile, ReadsEveryBlock) {
  const std::string file = two_blocks();
  const auto entries = read_table(as_bytes(file), "t.index");
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[2].key, "layer_0/kernel");
  EXPECT_EQ(entries[2].value.size(), 2u);
  EXPECT_EQ(entries[3].key, "layer_1/bias");
  EXPECT_EQ(entries[4].value.size(), 300u);
}

TEST(TableFile, RefusesATruncatedFile) {
  const std::string file = two_blocks();
  expect_table_refused(ErrorCode::kCorrupt, "t.index: expected the footer", file.substr(0, 100));
  expect_table_refused(ErrorCode::kCorrupt, "in the last 48 of 0 bytes", "");
  // The end is whole, the middle is gone.
  expect_table_refused(ErrorCode::kCorrupt, "expected",
                       file.substr(0, 20) + file.substr(file.size() - 48));
}

TEST(TableFile, RefusesADamagedBlock) {
  std::string file = two_blocks();
  file[12] ^= 1;
  expect_table_refused(ErrorCode::kCorrupt, "block at 0: expected bytes with the masked CRC-32C",
                       file);
}

TEST(TableFile, RefusesACompressedBlock) {
  TableWriter writer;
  writer.add_block({{"a", "1"}}, 1);
  expect_table_refused(ErrorCode::kUnsupported, "without compression, found snappy",
                       writer.finish());
}

TEST(TableFile, RefusesKeysOutOfOrder) {
  TableWriter writer;
  writer.add_block({{"b", "1"}});
  writer.add_block({{"a", "1"}});
  expect_table_refused(ErrorCode::kCorrupt, "keys in ascending order", writer.finish());
}

// Whether a damage is found; where it is not, it must have been harmless.
bool is_found(const std::string& damaged, std::size_t entries) {
  try {
    EXPECT_EQ(read_table(as_bytes(damaged), "t.index").size(), entries);
    return false;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("t.index"));
    return true;
  }
}

TEST(TableFile, AnyFlippedByteIsFoundOrHarmless) {
  const std::string file = two_blocks();
  std::size_t found = 0;
  for (std::size_t i = 0; i < file.size(); ++i) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      found += is_found(damaged, 5) ? 1 : 0;
    }
  }
  // The metaindex (13 bytes), its handle and the padding are not used.
  EXPECT_GT(found, 3 * (file.size() - 48 - 13));
}

}  // namespace
}  // namespace deformer
