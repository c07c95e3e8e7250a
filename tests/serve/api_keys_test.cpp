#include "serve/api_keys.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace deformer::serve {
namespace {

constexpr const char* kFile =
    "# keys of the tests\n"
    "\n"
    "read  reader-key-0123456789\n"
    "write writer-key-0123456789\n";

TEST(ApiKeys, TellReadersFromWriters) {
  const ApiKeys keys = ApiKeys::parse(kFile, "keys");
  EXPECT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys.access_of("Bearer reader-key-0123456789"), Access::kRead);
  EXPECT_EQ(keys.access_of("bearer writer-key-0123456789"), Access::kWrite);
}

TEST(ApiKeys, RefuseEverythingElse) {
  const ApiKeys keys = ApiKeys::parse(kFile, "keys");
  for (const char* const value :
       {"", "Bearer", "Bearer ", "Basic reader-key-0123456789", "reader-key-0123456789",
        "Bearer reader-key-012345678", "Bearer reader-key-01234567890",
        "Bearer  reader-key-0123456789"}) {
    EXPECT_EQ(keys.access_of(value), Access::kNone) << value;
  }
}

TEST(ApiKeys, NameTheLineOfABadFileButNotItsKey) {
  test::expect_error(ErrorCode::kCorrupt, "keys: line 1: expected \"read KEY\"",
                     [] { return ApiKeys::parse("admin secret-secret-secret\n", "keys"); });
  test::expect_error(ErrorCode::kCorrupt, "keys: line 2: expected a key of at least 16 bytes",
                     [] { return ApiKeys::parse("\nread short\n", "keys"); });
  test::expect_error(ErrorCode::kCorrupt, "keys: line 1",
                     [] { return ApiKeys::parse("read two-words-0123456789 more\n", "keys"); });
  test::expect_error(ErrorCode::kCorrupt, "at least one key",
                     [] { return ApiKeys::parse("# none\n", "keys"); });
  test::expect_error(ErrorCode::kNotFound, "/nowhere/keys",
                     [] { return ApiKeys::load("/nowhere/keys"); });
}

}  // namespace
}  // namespace deformer::serve
