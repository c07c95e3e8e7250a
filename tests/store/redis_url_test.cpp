#include "store/redis_url.h"

#include <gtest/gtest.h>

#include <string>

#include "store/redis_cluster.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

TEST(RedisUrl, HasDefaults) {
  const RedisUrl url = parse_redis_url("//localhost");
  EXPECT_EQ(url.endpoint, (RedisEndpoint{"localhost", 6379}));
  EXPECT_EQ(url.prefix, "deformer");
  EXPECT_EQ(url.options.password, "");
  EXPECT_EQ(to_string(url), "redis://localhost:6379/deformer");
}

TEST(RedisUrl, ReadsEveryPart) {
  const RedisUrl url = parse_redis_url(
      "//user:p%40ss:w/rd@x@10.0.0.1:7000/"
      "wiki%2Fsmall?timeout_ms=5&retries=0&connect_timeout_ms=7");
  EXPECT_EQ(url.endpoint, (RedisEndpoint{"10.0.0.1", 7000}));
  EXPECT_EQ(url.options.user, "user");
  EXPECT_EQ(url.options.password, "p@ss:w/rd@x");
  EXPECT_EQ(url.prefix, "wiki/small");
  EXPECT_EQ(url.options.timeout.count(), 5);
  EXPECT_EQ(url.options.connect_timeout.count(), 7);
  EXPECT_EQ(url.options.retries, 0);
  EXPECT_EQ(parse_redis_url("//:pass@host/").options.password, "pass");
  EXPECT_EQ(parse_redis_url("//:pass@host/").options.user, "");
  EXPECT_EQ(parse_redis_url("//host/").prefix, "deformer");
}

TEST(RedisUrl, TakesANumberForTheDatabase) {
  struct Case {
    const char* rest;
    int database;
    const char* prefix;
    const char* text;
  };
  for (const Case& wanted : std::initializer_list<Case>{
           {"//h/0", 0, "deformer", "redis://h:6379/deformer"},
           {"//h/1", 1, "deformer", "redis://h:6379/1/deformer"},
           {"//h/15/", 15, "deformer", "redis://h:6379/15/deformer"},
           {"//h/2/wiki", 2, "wiki", "redis://h:6379/2/wiki"},
           {"//h/2/wiki/a%2Fb", 2, "wiki/a/b", "redis://h:6379/2/wiki/a/b"},
           {"//h/wiki/2", 0, "wiki/2", "redis://h:6379/wiki/2"},
           {"//h/0/1", 0, "1", "redis://h:6379/0/1"},
           {"//h/1a", 0, "1a", "redis://h:6379/1a"},
           {"//h?prefix=7", 0, "7", "redis://h:6379/0/7"},
           {"//h/3?retries=1&prefix=a%20b", 3, "a b", "redis://h:6379/3/a b"},
           {"//h/wiki?prefix=wiki", 0, "wiki", "redis://h:6379/wiki"}}) {
    const RedisUrl url = parse_redis_url(wanted.rest);
    EXPECT_EQ(url.options.database, wanted.database) << wanted.rest;
    EXPECT_EQ(url.prefix, wanted.prefix) << wanted.rest;
    EXPECT_EQ(to_string(url), wanted.text) << wanted.rest;
    const RedisUrl again = parse_redis_url(to_string(url).substr(6));
    EXPECT_EQ(again.prefix, url.prefix) << wanted.rest;
    EXPECT_EQ(again.options.database, url.options.database) << wanted.rest;
  }
  EXPECT_EQ(parse_redis_url("//h/1").lone_number, "1");
  EXPECT_EQ(parse_redis_url("//h/1/deformer").lone_number, "");
  EXPECT_EQ(parse_redis_url("//h/1?prefix=x").lone_number, "");
}

TEST(RedisUrl, ReadsIpv6) {
  const RedisUrl url = parse_redis_url("//[::1]:7001/x");
  EXPECT_EQ(url.endpoint, (RedisEndpoint{"::1", 7001}));
  EXPECT_EQ(to_string(url), "redis://[::1]:7001/x");
  EXPECT_EQ(parse_redis_url("//[::1]").endpoint, (RedisEndpoint{"::1", 6379}));
}

// The text opens the same store again, whatever the prefix holds.
TEST(RedisUrl, WritesAPrefixSoThatItIsReadBack) {
  for (const std::string& prefix :
       {std::string("h:1@s/s0"), std::string("a?b=c&d"), std::string("50%"), std::string("%2F"),
        std::string("#"), std::string("a\nb")}) {
    RedisUrl url;
    url.endpoint.host = "h";
    url.prefix = prefix;
    const std::string text = to_string(url);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const RedisUrl again = parse_redis_url(text.substr(6));
    EXPECT_EQ(again.prefix, prefix) << text;
    EXPECT_EQ(again.options.user, "") << text;
    EXPECT_EQ(again.endpoint, url.endpoint) << text;
  }
}

TEST(RedisUrl, LeavesThePasswordOutOfItsText) {
  EXPECT_EQ(to_string(parse_redis_url("//user:secret@host:1/p")), "redis://host:1/p");
}

TEST(RedisUrl, ShowsNoPartOfAPasswordThatIsNotEscaped) {
  for (const char* rest :
       {"//user:s3cret?x@host", "//user:s3cret?timeout_ms=5&s3cret@host", "//host?password=s3cret",
        "//host?s3cret@x", "//:7000?s3cret@host:s3cret"}) {
    try {
      static_cast<void>(parse_redis_url(rest));
      ADD_FAILURE() << rest;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos) << error.what();
    }
  }
}

TEST(RedisUrl, RefusesWhatIsNotOne) {
  for (const char* rest : {"host",
                           "//",
                           "//:1/",
                           "//host:0",
                           "//host:65536",
                           "//host:x",
                           "//host:",
                           "//user@host",
                           "//user:@host",
                           "//[::1",
                           "//[::1]x",
                           "//host/%2",
                           "//host/%zz",
                           "//host?timeout_ms=0",
                           "//host?retries=-1",
                           "//host?x=1",
                           "//host?retries",
                           "//ho st",
                           "//ho\nst",
                           "//host:1\n2",
                           "//host?a\nb",
                           "//host/99999999999",
                           "//host?prefix=",
                           "//host/a?prefix=b",
                           "//host/deformer?prefix=wiki",
                           "//host/2/deformer?prefix=wiki",
                           "//host?prefix=deformer&prefix=b"}) {
    expect_error(ErrorCode::kInvalidArgument, "the form is redis://",
                 [&] { static_cast<void>(parse_redis_url(rest)); });
  }
}

// The values of the Redis Cluster specification and of `CLUSTER KEYSLOT`.
TEST(RedisSlot, HashesTheTagOrTheKey) {
  EXPECT_EQ(redis_slot("123456789"), 0x31c3 % 16384);
  EXPECT_EQ(redis_slot("foo"), 12182);
  EXPECT_EQ(redis_slot(""), 0);
  EXPECT_EQ(redis_slot("{user1000}.following"), redis_slot("{user1000}.followers"));
  EXPECT_EQ(redis_slot("{user1000}.following"), redis_slot("user1000"));
  EXPECT_EQ(redis_slot("foo{{bar}}zap"), redis_slot("{bar"));
  EXPECT_EQ(redis_slot("foo{bar}{zap}"), redis_slot("bar"));
  EXPECT_NE(redis_slot("foo{}{bar}"), redis_slot("bar")) << "an empty tag is none";
}

}  // namespace
}  // namespace deformer::test
