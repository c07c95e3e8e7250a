#include "store/hidden_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/half.h"
#include "store/passages.h"
#include "support/expect_error.h"

namespace deformer::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The compiler's own conversions, made by its run-time library or the processor.
__extension__ using CompilerHalf = _Float16;

float compiler_decode(std::uint16_t half) {
  return static_cast<float>(std::bit_cast<CompilerHalf>(half));
}

std::uint16_t compiler_encode(float value) {
  return std::bit_cast<std::uint16_t>(static_cast<CompilerHalf>(value));
}

std::vector<float> round_trip(std::span<const float> values, std::size_t rows, HiddenCodec codec) {
  const HiddenStates hidden = encode_hidden(values, rows, values.size() / rows, codec);
  std::vector<float> decoded(values.size());
  decode_hidden(hidden, 0, rows, decoded);
  return decoded;
}

TEST(Half, DecodesEveryPatternAsTheCompilerDoes) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float expected = compiler_decode(half);
    const float decoded = half_to_float(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(decoded)) << bits;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(decoded), std::bit_cast<std::uint32_t>(expected))
          << bits;
    }
  }
}

TEST(Half, EncodesAroundEveryHalfAsTheCompilerDoes) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = compiler_decode(static_cast<std::uint16_t>(bits));
    const float high = compiler_decode(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    for (const float value : {low, std::nextafter(low, kInfinity), std::nextafter(middle, 0.0F),
                              middle, std::nextafter(middle, kInfinity), high}) {
      ASSERT_EQ(float_to_half(value), compiler_encode(value)) << value;
      ASSERT_EQ(float_to_half(-value), compiler_encode(-value)) << -value;
    }
  }
}

TEST(Half, EncodesRandomBitsAsTheCompilerDoes) {
  std::mt19937 random(1);
  for (int i = 0; i < 300000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!(std::fabs(value) <= kHalfMax)) continue;
    ASSERT_EQ(float_to_half(value), compiler_encode(value)) << value;
  }
}

// All processor levels of the library give what the plain functions give.
TEST(HiddenCodec, Fp16EqualsThePlainConversion) {
  std::vector<float> values = make_values(1003 * 3, 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= std::ldexp(1.0F, int(i % 40) - 26);
  const HiddenStates hidden = encode_hidden(values, 3, 1003, HiddenCodec::kFp16);
  std::vector<float> decoded(values.size());
  decode_hidden(hidden, 0, 3, decoded);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, hidden.values.data() + 2 * i, 2);
    ASSERT_EQ(half, float_to_half(values[i])) << values[i];
    ASSERT_EQ(decoded[i], half_to_float(half)) << values[i];
  }
}

TEST(HiddenCodec, DecodesEveryFiniteFp16Pattern) {
  std::vector<std::uint16_t> halves(0x10000);
  for (std::uint32_t i = 0; i < 0x10000; ++i) halves[i] = static_cast<std::uint16_t>(i);
  HiddenStates hidden{.codec = HiddenCodec::kFp16,
                      .rows = 256,
                      .hidden_size = 256,
                      .values = std::as_bytes(std::span(halves)),
                      .scales = {},
                      .owner = nullptr};
  std::vector<float> decoded(halves.size());
  // An exponent of all ones, infinity and NaN, stands at the end of each half.
  for (const std::size_t first : {0U, 128U}) {
    decode_hidden(hidden, first, 124, std::span(decoded).subspan(first * 256, 124 * 256));
  }
  for (std::uint32_t i = 0; i < 0x10000; ++i) {
    if ((i & 0x7c00U) == 0x7c00U) continue;
    const float expected = compiler_decode(halves[i]);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(decoded[i]), std::bit_cast<std::uint32_t>(expected))
        << i;
  }
}

TEST(HiddenCodec, Fp16KeepsLargeMagnitudesFinite) {
  const std::vector<float> values{65504, 65519.9F, 65520, 1e30F, -1e30F, -65520, 3.4e38F, 0};
  const std::vector<float> expected{65504, 65504, 65504, 65504, -65504, -65504, 65504, 0};
  EXPECT_EQ(round_trip(values, 1, HiddenCodec::kFp16), expected);
}

TEST(HiddenCodec, Fp32IsExact) {
  const std::vector<float> values{1e-45F, -0.0F, 3.4e38F, 0.1F};
  const auto decoded = round_trip(values, 2, HiddenCodec::kFp32);
  EXPECT_EQ(std::memcmp(decoded.data(), values.data(), 16), 0);
}

TEST(HiddenCodec, Int8StaysWithinHalfAStepOfEachRow) {
  constexpr std::size_t kRows = 50;
  constexpr std::size_t kWidth = 97;
  std::vector<float> values = make_values(kRows * kWidth, 3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] *= std::ldexp(1.0F, int(i / kWidth) * 4 - 100);
  }
  const HiddenStates hidden = encode_hidden(values, kRows, kWidth, HiddenCodec::kInt8);
  const auto decoded = round_trip(values, kRows, HiddenCodec::kInt8);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float step = hidden.scales[i / kWidth];
    ASSERT_LE(std::fabs(decoded[i] - values[i]), step * 0.50001F) << i;
  }
}

TEST(HiddenCodec, Int8KeepsZeroRowsAndTheLargestValue) {
  const std::vector<float> values{0, 0, 0, -2, 1, 2, 1e-45F, 0, 0};
  const HiddenStates hidden = encode_hidden(values, 3, 3, HiddenCodec::kInt8);
  EXPECT_EQ(hidden.scales[0], 0.0F);
  EXPECT_EQ(hidden.scales[1], 2.0F / 127);
  const auto decoded = round_trip(values, 3, HiddenCodec::kInt8);
  EXPECT_EQ(decoded[0], 0.0F);
  EXPECT_FLOAT_EQ(decoded[3], -2);
  EXPECT_FLOAT_EQ(decoded[5], 2);
  EXPECT_EQ(decoded[6], 0.0F) << "a row too small for a scale";
}

TEST(HiddenCodec, RefusesWhatIsNotFinite) {
  for (const HiddenCodec codec : {HiddenCodec::kFp32, HiddenCodec::kFp16, HiddenCodec::kInt8}) {
    for (const float bad : {kNan, kInfinity, -kInfinity}) {
      std::vector<float> values(12, 1.0F);
      values[7] = bad;
      expect_error(ErrorCode::kInvalidArgument, "row 1, column 3",
                   [&] { static_cast<void>(encode_hidden(values, 3, 4, codec)); });
    }
  }
}

TEST(HiddenCodec, DecodesAnyRangeOfRows) {
  const std::vector<float> values = make_values(10 * 5, 1);
  for (const HiddenCodec codec : {HiddenCodec::kFp32, HiddenCodec::kFp16, HiddenCodec::kInt8}) {
    const HiddenStates hidden = encode_hidden(values, 10, 5, codec);
    std::vector<float> all(50);
    decode_hidden(hidden, 0, 10, all);
    std::vector<float> part(15);
    decode_hidden(hidden, 6, 3, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + 30)) << to_string(codec);
    decode_hidden(hidden, 10, 0, {});
  }
}

TEST(HiddenCodec, CopiesAnyRangeOfRowsAsTheyAreStored) {
  const std::vector<float> values = make_values(10 * 5, 1);
  for (const HiddenCodec codec : {HiddenCodec::kFp32, HiddenCodec::kFp16, HiddenCodec::kInt8}) {
    const HiddenStates hidden = encode_hidden(values, 10, 5, codec);
    std::vector<std::byte> part(15 * value_bytes(codec));
    copy_rows(hidden, 6, 3, part);
    const auto expected = hidden.values.subspan(30 * value_bytes(codec), part.size());
    EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.begin())) << to_string(codec);
    copy_rows(hidden, 10, 0, {});
  }
}

TEST(HiddenCodec, ChecksSizes) {
  const std::vector<float> values(12);
  const HiddenStates hidden = encode_hidden(values, 3, 4, HiddenCodec::kFp32);
  std::vector<float> out(4);
  const auto refuse = [&](const char* text, auto&& call) {
    expect_error(ErrorCode::kInvalidArgument, text, call);
  };
  refuse("expected 3 x 5 values, found 12",
         [&] { static_cast<void>(encode_hidden(values, 3, 5, HiddenCodec::kFp32)); });
  refuse("overflow",
         [&] { static_cast<void>(encode_hidden(values, SIZE_MAX / 2, 3, HiddenCodec::kFp32)); });
  refuse("within [0, 3)", [&] { decode_hidden(hidden, 3, 1, out); });
  refuse("within [0, 3)", [&] { decode_hidden(hidden, 1, SIZE_MAX, out); });
  refuse("room for 8 values, found 4", [&] { decode_hidden(hidden, 0, 2, out); });
  const auto bytes = std::as_writable_bytes(std::span(out));
  refuse("within [0, 3)", [&] { copy_rows(hidden, 2, 2, bytes); });
  refuse("room for 32 bytes, found 16", [&] { copy_rows(hidden, 0, 2, bytes); });
}

// As a store of the caller's own may return them.
TEST(HiddenCodec, DecodesNothingThatContradictsItself) {
  const std::vector<float> values(12);
  const HiddenStates right = encode_hidden(values, 3, 4, HiddenCodec::kInt8);
  std::vector<float> out(4);
  std::vector<std::byte> bytes(4);
  const auto refuse = [&](const char* text, auto&& change) {
    HiddenStates hidden = right;
    change(hidden);
    const auto code = ErrorCode::kInvalidArgument;
    expect_error(code, text, [&] { decode_hidden(hidden, 0, 1, out); });
    expect_error(code, text, [&] { copy_rows(hidden, 0, 1, bytes); });
  };
  refuse("expected 12 bytes, found 11",
         [](HiddenStates& hidden) { hidden.values = hidden.values.first(11); });
  refuse("expected 3 scales, found 0", [](HiddenStates& hidden) { hidden.scales = {}; });
  refuse("expected 4000 bytes, found 12", [](HiddenStates& hidden) { hidden.rows = 1000; });
  refuse("overflow", [](HiddenStates& hidden) { hidden.hidden_size = SIZE_MAX / 2; });
  refuse("unknown codec 7",
         [](HiddenStates& hidden) { hidden.codec = static_cast<HiddenCodec>(7); });
  refuse("multiple of 4 bytes", [](HiddenStates& hidden) {
    hidden.rows = 1;
    hidden.scales = hidden.scales.first(1);
    hidden.values = hidden.values.subspan(1, 4);
  });
}

TEST(HiddenCodec, DecodesNothingThatIsNotFinite) {
  // Enough for several parts and for what is left of a vector.
  constexpr std::size_t kRows = 700;
  constexpr std::size_t kWidth = 13;
  const auto refuse = [](HiddenCodec codec, std::span<const std::byte> values,
                         std::span<const float> scales) {
    const HiddenStates hidden{.codec = codec,
                              .rows = kRows,
                              .hidden_size = kWidth,
                              .values = values,
                              .scales = scales,
                              .owner = nullptr};
    std::vector<float> out(kRows * kWidth);
    std::vector<std::byte> bytes(values.size());
    const auto code = ErrorCode::kInvalidArgument;
    expect_error(code, "row 650", [&] { decode_hidden(hidden, 0, kRows, out); });
    expect_error(code, "row 650", [&] {
      copy_rows(hidden, 640, 20, std::span(bytes).first(20 * values.size() / kRows));
    });
    expect_error(code, "row 650", [&] { validate_values(hidden); });
    decode_hidden(hidden, 0, 650, std::span(out).first(650 * kWidth));
  };
  constexpr std::size_t kBad = 650 * kWidth + 12;
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    std::vector<float> values(kRows * kWidth, 3.0F);
    values[kBad] = bad;
    refuse(HiddenCodec::kFp32, std::as_bytes(std::span(values)), {});
    std::vector<float> scales(kRows, 1.0F);
    scales[650] = bad;
    refuse(HiddenCodec::kInt8, std::as_bytes(std::span(values)).first(kRows * kWidth), scales);
  }
  for (const int bad : {0x7c00, 0xfc00, 0x7e00, 0xffff}) {
    std::vector<std::uint16_t> values(kRows * kWidth + 1, 0x3c00);
    values[kBad] = static_cast<std::uint16_t>(bad);
    refuse(HiddenCodec::kFp16, std::as_bytes(std::span(values).first(kRows * kWidth)), {});
  }
  std::vector<float> scales(kRows, 1.0F);
  scales[650] = -1.0F;
  refuse(HiddenCodec::kInt8, std::vector<std::byte>(kRows * kWidth), scales);
}

TEST(HiddenCodec, CopiesShareNothing) {
  const HiddenStates hidden = encode_hidden(make_values(12, 1), 3, 4, HiddenCodec::kInt8);
  const HiddenStates copy = copy_hidden(hidden);
  EXPECT_NE(copy.owner, hidden.owner);
  EXPECT_NE(copy.values.data(), hidden.values.data());
  EXPECT_TRUE(std::equal(copy.values.begin(), copy.values.end(), hidden.values.begin()));
  EXPECT_TRUE(std::equal(copy.scales.begin(), copy.scales.end(), hidden.scales.begin()));
}

}  // namespace
}  // namespace deformer::test
