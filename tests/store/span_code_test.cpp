#include "store/span_code.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>

namespace deformer::test {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

TEST(SpanCode, TakesOneByteForATokenOfText) {
  // "The cat, sat": gaps 0, 1, 0, 1.
  const std::vector<ByteSpan> spans{{0, 3}, {4, 7}, {7, 8}, {9, 12}};
  EXPECT_EQ(encode_token_spans(spans), bytes({0x03, 0x43, 0x01, 0x43}));
}

TEST(SpanCode, WritesLongFormsAsSpecified) {
  // Gap 3 -> zigzag 6; length 63 -> 0 more; gap -63 -> zigzag 125; length 263 -> 200 more.
  const std::vector<ByteSpan> spans{{3, 66}, {3, 266}};
  EXPECT_EQ(encode_token_spans(spans), bytes({0xff, 0x06, 0x00, 0xff, 0x7d, 0xc8, 0x01}));
}

TEST(SpanCode, RoundTripsRandomSpans) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ByteSpan> spans;
    ByteSpan span;
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t wide = std::uint64_t{1} << (random() % 24);
      span.begin += static_cast<std::uint32_t>(random() % wide);
      span.end = std::max(span.end, span.begin) + static_cast<std::uint32_t>(random() % wide);
      spans.push_back(span);
    }
    const auto code = encode_token_spans(spans);
    EXPECT_EQ(decode_token_spans(code, spans.size()), spans);
  }
  const std::vector<ByteSpan> extreme{{0, 0xffffffff}, {0, 0xffffffff}, {0xffffffff, 0xffffffff}};
  EXPECT_EQ(decode_token_spans(encode_token_spans(extreme), 3), extreme);
}

TEST(SpanCode, RefusesWhatIsNotCanonical) {
  EXPECT_FALSE(decode_token_spans(bytes({0xc1, 0x02}), 1)) << "gap 1 in the long form";
  EXPECT_FALSE(decode_token_spans(bytes({0x3f, 0x80, 0x00}), 1)) << "a varint longer than it needs";
  EXPECT_FALSE(decode_token_spans(bytes({0x03, 0x03}), 1)) << "bytes left over";
  EXPECT_FALSE(decode_token_spans(bytes({0x03}), 2)) << "too few spans";
  EXPECT_FALSE(decode_token_spans(bytes({0xc1}), 1)) << "ends inside a span";
  EXPECT_FALSE(decode_token_spans(bytes({0x3f, 0xff}), 1)) << "ends inside a varint";
  EXPECT_FALSE(decode_token_spans(bytes({0xc1, 0x01}), 1)) << "begins before the text";
  EXPECT_FALSE(decode_token_spans(bytes({0x3f, 0xff, 0xff, 0xff, 0xff, 0x0f}), 1))
      << "ends beyond 2^32";
  EXPECT_FALSE(decode_token_spans(bytes({0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}), 1))
      << "too long";
  EXPECT_TRUE(decode_token_spans({}, 0));
}

TEST(SpanCode, NeverFailsOnRandomBytes) {
  std::mt19937_64 random(2);
  std::size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::byte> code(random() % 12);
    for (std::byte& byte : code) byte = static_cast<std::byte>(random());
    const std::size_t count = random() % 6;
    const auto spans = decode_token_spans(code, count);
    if (!spans) continue;
    ++accepted;
    EXPECT_EQ(encode_token_spans(*spans), code) << "one code for each list of spans";
  }
  EXPECT_GT(accepted, 100U);
}

}  // namespace
}  // namespace deformer::test
