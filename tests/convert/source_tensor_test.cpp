#include "convert/source_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "support/expect_error.h"

namespace deformer {
namespace {

using test::expect_error;
using testing::ElementsAre;

template <typename Value>
SourceTensor tensor_of(const std::vector<Value>& values, const Shape& shape, Dtype dtype) {
  return make_source_tensor({"x", dtype, shape, std::as_bytes(std::span(values))}, nullptr);
}

template <typename Value>
std::vector<Value> values_of(const std::vector<std::byte>& bytes) {
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<float> floats(const SourceTensor& tensor) {
  const std::int64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
  return values_of<float>(read_rows(tensor, 0, rows, Dtype::kF32));
}

std::uint16_t rounded(float value, Dtype dtype) {
  const std::vector<float> values{value};
  return values_of<std::uint16_t>(read_rows(tensor_of(values, {}, Dtype::kF32), 0, 1, dtype))[0];
}

TEST(SourceTensor, TransposesAndSlicesWithoutCopying) {
  const std::vector<float> values{0, 1, 2, 3, 4, 5};
  const SourceTensor tensor = tensor_of(values, {2, 3}, Dtype::kF32);
  EXPECT_THAT(floats(transposed(tensor)), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(transposed(tensor).shape, ElementsAre(3, 2));
  EXPECT_THAT(floats(slice(tensor, 1)), ElementsAre(3, 4, 5));
  EXPECT_THAT(floats(slice(transposed(tensor), 2)), ElementsAre(2, 5));
  EXPECT_THAT(floats(slice(slice(tensor, 1), 2)), ElementsAre(5));
  EXPECT_THAT(values_of<float>(read_rows(transposed(tensor), 1, 2, Dtype::kF32)),
              ElementsAre(1, 4, 2, 5));
}

TEST(SourceTensor, ReadsUnalignedBytesAndEmptyTensors) {
  std::vector<char> bytes(9);
  const float value = 1.5f;
  std::memcpy(bytes.data() + 1, &value, sizeof(value));
  const SourceTensor odd = make_source_tensor(
      {"x", Dtype::kF32, {1}, std::as_bytes(std::span(bytes)).subspan(1, 4)}, nullptr);
  EXPECT_THAT(floats(odd), ElementsAre(1.5f));
  EXPECT_TRUE(floats(tensor_of(std::vector<float>{}, {0, 3}, Dtype::kF32)).empty());
}

TEST(SourceTensor, RoundsToNearestEven) {
  EXPECT_EQ(rounded(1.0f, Dtype::kF16), 0x3c00);
  EXPECT_EQ(rounded(1.0f + 0x1p-11f, Dtype::kF16), 0x3c00) << "a tie goes to the even 1";
  EXPECT_EQ(rounded(1.0f + 3 * 0x1p-11f, Dtype::kF16), 0x3c02);
  EXPECT_EQ(rounded(0x1p-25f, Dtype::kF16), 0x0000);
  EXPECT_EQ(rounded(-3 * 0x1p-26f, Dtype::kF16), 0x8001);
  EXPECT_EQ(rounded(65519.0f, Dtype::kF16), 0x7bff) << "below half a step beyond the largest";
  EXPECT_EQ(rounded(1.0f + 0x1p-8f, Dtype::kBf16), 0x3f80);
  EXPECT_EQ(rounded(1.0f + 3 * 0x1p-8f, Dtype::kBf16), 0x3f82);
}

TEST(SourceTensor, KeepsInfinitiesAndNans) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(rounded(infinity, Dtype::kF16), 0x7c00);
  EXPECT_EQ(rounded(-infinity, Dtype::kBf16), 0xff80);
  const std::uint16_t half = rounded(std::nanf(""), Dtype::kF16);
  EXPECT_EQ(half & 0x7c00, 0x7c00);
  EXPECT_NE(half & 0x03ff, 0);
  // All of its payload is in the bits that are cut off.
  const std::uint16_t bf16 = rounded(std::bit_cast<float>(0x7f800001U), Dtype::kBf16);
  EXPECT_EQ(bf16 & 0x7f80, 0x7f80);
  EXPECT_NE(bf16 & 0x007f, 0);
}

TEST(SourceTensor, RefusesValuesThatTheTypeCannotHold) {
  const auto refuse = [](float value, Dtype dtype) {
    expect_error(ErrorCode::kInvalidArgument, "tensor \"x\": expected values that",
                 [&] { (void)rounded(value, dtype); });
  };
  refuse(65520.0f, Dtype::kF16);
  refuse(std::numeric_limits<float>::max(), Dtype::kBf16);
  const std::vector<double> large{1e300};
  expect_error(ErrorCode::kInvalidArgument, "F32",
               [&] { (void)read_rows(tensor_of(large, {1}, Dtype::kF64), 0, 1, Dtype::kF32); });
}

TEST(SourceTensor, ConvertsFromEveryType) {
  const std::vector<std::uint16_t> halves{0x3c00, 0x0001, 0xfc00};
  EXPECT_THAT(floats(tensor_of(halves, {3}, Dtype::kF16)),
              ElementsAre(1.0f, 0x1p-24f, -std::numeric_limits<float>::infinity()));
  EXPECT_THAT(floats(tensor_of(std::vector<std::uint16_t>{0x4049}, {1}, Dtype::kBf16)),
              ElementsAre(3.140625f));
  EXPECT_THAT(floats(tensor_of(std::vector<double>{1.0 / 3}, {1}, Dtype::kF64)),
              ElementsAre(1.0f / 3));
}

// Once, and not first to fp32: the value is nearer to the upper half, its fp32 lies in the middle.
TEST(SourceTensor, RoundsDoublesOnce) {
  const std::vector<double> values{1 + 0x1p-11 + 0x1p-40, -(1 + 0x1p-11 + 0x1p-40),
                                   1 + 0x1p-11 - 0x1p-40, 65520 - 0x1p-20};
  const auto halves = read_rows(tensor_of(values, {4}, Dtype::kF64), 0, 4, Dtype::kF16);
  EXPECT_THAT(values_of<std::uint16_t>(halves), ElementsAre(0x3c01, 0xbc01, 0x3c00, 0x7bff));
  const std::vector<double> wide{1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-8 - 0x1p-40};
  const auto bf16 = read_rows(tensor_of(wide, {2}, Dtype::kF64), 0, 2, Dtype::kBf16);
  EXPECT_THAT(values_of<std::uint16_t>(bf16), ElementsAre(0x3f81, 0x3f80));
}

TEST(ExtentOf, RefusesWhatOverflows) {
  const std::int64_t huge = std::int64_t{1} << 62;
  const auto extent = [](const Shape& shape, const Shape& strides) {
    return extent_of(Dtype::kF32, shape, strides);
  };
  EXPECT_EQ(extent({2, 3}, {3, 1})->bytes, 24u);
  EXPECT_EQ(extent({2, 3}, {1, 100})->bytes, 4u * (1 + 200 + 1));
  EXPECT_EQ(extent({0, 3}, {3, 1})->bytes, 0u);
  EXPECT_EQ(extent({}, {})->elements, 1);
  EXPECT_FALSE(extent({huge, 4}, {4, 1}));
  EXPECT_FALSE(extent({huge, 2}, {0, 0})) << "every element would have to be written";
  EXPECT_FALSE(extent({2}, {huge}));
  EXPECT_FALSE(extent({-1}, {1}));
  EXPECT_FALSE(extent({2}, {-1}));
  EXPECT_FALSE(extent({2}, {1, 1}));
  EXPECT_FALSE(extent(Shape(9, 1), Shape(9, 1)));
}

}  // namespace
}  // namespace deformer
