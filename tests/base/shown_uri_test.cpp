#include "base/shown_uri.h"

#include <gtest/gtest.h>

namespace deformer {
namespace {

TEST(ShownUri, LeavesUserAndPasswordOut) {
  EXPECT_EQ(shown_uri("redis://host:1/2/wiki"), "redis://host:1/2/wiki");
  EXPECT_EQ(shown_uri("redis://user:s3cret@host/wiki"), "redis://host/wiki");
  EXPECT_EQ(shown_uri("redis://:a@b?c/d@host"), "redis://host");
  EXPECT_EQ(shown_uri("lmdb:mail@home"), "lmdb:mail@home");
  EXPECT_EQ(shown_uri(""), "");
}

}  // namespace
}  // namespace deformer
