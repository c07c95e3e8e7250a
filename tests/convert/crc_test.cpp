#include "convert/crc.h"

#include <gtest/gtest.h>

#include <string>

#include "convert/files.h"

namespace deformer {
namespace {

using test::as_bytes;

// The check values of the catalogues of CRCs, and of RFC 3720, B.4.
TEST(Crc, GivesThePublishedCheckValues) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc32(as_bytes(digits)), 0xcbf43926U);
  EXPECT_EQ(crc32c(as_bytes(digits)), 0xe3069283U);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\0'))), 0x8a9136aaU);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\xff'))), 0x62a8ab43U);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  EXPECT_EQ(crc32c(as_bytes(ascending)), 0x46dd794eU);
  EXPECT_EQ(crc32(as_bytes(std::string())), 0U);
}

TEST(Crc, DoesNotDependOnTheAlignment) {
  const std::string text = "x123456789";
  EXPECT_EQ(crc32c(as_bytes(text).subspan(1)), 0xe3069283U);
}

}  // namespace
}  // namespace deformer
