#include "nn/product_choice.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "base/stopwatch.h"
#include "deformer/error.h"
#include "nn/fp16_weight.h"
#include "nn/inference_scope.h"
#include "nn/int8_weight.h"
#include "nn/packed_weight.h"

namespace deformer::nn {
namespace {

constexpr const char* kVariable = "DEFORMER_PRODUCT";

// The few outputs of a head are not worth a layout of their own.
constexpr std::int64_t kFewestOutputs = 32;

// Faster on every machine measured so far; a short question needs no measurement.
constexpr std::int64_t kFewRows = 32;

// No more: every number of rows that is met costs compiled code, and the plain product keeps none.
constexpr std::array<std::int64_t, 5> kRowCounts{64, 128, 192, 320, 640};

// Large enough that laying it out is most of what a plain product of few rows does, small enough
// for some milliseconds a count.
constexpr std::int64_t kMeasuredWidth = 384;
constexpr int kTurns = 3;
constexpr double kWorthwhile = 1.02;

// One that was made in inference mode is not trained: it stays as it is.
bool can_be_packed(const at::Tensor& matrix) {
  return matrix.is_inference() && matrix.is_cpu() && matrix.size(0) >= kFewestOutputs &&
         has_packed_product();
}

double seconds_of(const Product& product, const at::Tensor& input) {
  const Stopwatch watch;
  static_cast<void>(product.multiply(input, {}));
  return watch.seconds();
}

// In turn: a disturbance makes times longer, never shorter. The first turn compiles and lays out.
bool packed_is_faster(const Product& packed, const Product& plain, std::int64_t rows) {
  const at::Tensor input = at::ones({rows, kMeasuredWidth}, at::kFloat);
  static_cast<void>(packed.multiply(input, {}));
  static_cast<void>(plain.multiply(input, {}));
  std::array<double, 2> best{};
  for (int turn = 0; turn < kTurns; ++turn) {
    const std::array<double, 2> times{seconds_of(packed, input), seconds_of(plain, input)};
    for (std::size_t i = 0; i < best.size(); ++i) {
      best[i] = turn == 0 ? times[i] : std::min(best[i], times[i]);
    }
  }
  return best[0] * kWorthwhile < best[1];
}

// The plain product lays the weight out in every call, which counts the less the more rows there
// are: the largest count at which the packed one wins is found by halving.
std::int64_t measure_most_packed_rows() {
  const InferenceScope inference;
  const at::Tensor weight = at::ones({kMeasuredWidth, kMeasuredWidth}, at::kFloat);
  const PackedWeight packed(weight, kAnyRows);
  const PlainProduct plain(weight, WeightOrder::kOutFirst);
  std::int64_t most = kFewRows;
  std::size_t begin = 0;
  std::size_t end = kRowCounts.size();
  while (begin < end) {
    const std::size_t middle = (begin + end) / 2;
    if (packed_is_faster(packed, plain, kRowCounts.at(middle))) {
      most = kRowCounts.at(middle);
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return most;
}

std::int64_t decide_most_packed_rows() {
  if (const char* wanted = std::getenv(kVariable)) {
    const std::int64_t rows = parse_packed_rows(wanted);
    return has_packed_product() ? rows : 0;
  }
  return has_packed_product() ? measure_most_packed_rows() : 0;
}

}  // namespace

std::string to_string(ProductKind kind) {
  switch (kind) {
    case ProductKind::kPlain:
      return "plain";
    case ProductKind::kPacked:
      return "packed";
    case ProductKind::kFp16:
      return "fp16";
    case ProductKind::kInt8:
      return "int8";
  }
  return "unknown";
}

Products choose_products(const at::Tensor& weight, Precision precision, WeightOrder order) {
  const at::Tensor matrix =
      order == WeightOrder::kOutFirst ? weight.flatten(1) : weight.flatten(1).t();
  if (precision == Precision::kInt8) return {std::make_shared<const Int8Weight>(matrix)};
  const bool fp16 = matrix.scalar_type() == at::kHalf && precision == Precision::kFp32;
  if (fp16 && matrix.is_inference() && matrix.is_cpu()) {
    return {std::make_shared<const Fp16Weight>(matrix)};
  }
  const auto plain = std::make_shared<const PlainProduct>(weight, order);
  if (!can_be_packed(matrix)) return {plain};
  if (matrix.scalar_type() != at::kFloat) {
    return {std::make_shared<const PackedWeight>(matrix, kAnyRows)};
  }
  return {std::make_shared<const PackedWeight>(matrix), plain};
}

ProductKind product_kind(const Runtime& runtime, std::int64_t rows) {
  if (runtime.device != Device::kCpu) return ProductKind::kPlain;
  if (runtime.precision == Precision::kInt8) return ProductKind::kInt8;
  const bool fp32 = runtime.precision == Precision::kFp32;
  if (fp32 && runtime.weights == WeightType::kFp16) return ProductKind::kFp16;
  const bool packed = fp32 ? is_packed_count(rows) : has_packed_product();
  return packed ? ProductKind::kPacked : ProductKind::kPlain;
}

std::int64_t most_packed_rows() {
  static const std::int64_t rows = decide_most_packed_rows();
  return rows;
}

bool is_packed_count(std::int64_t rows) {
  return (rows <= kFewRows && packed_rows_are_measured()) || rows <= most_packed_rows();
}

bool packed_rows_are_measured() {
  static const bool measured = has_packed_product() && std::getenv(kVariable) == nullptr;
  return measured;
}

std::int64_t parse_packed_rows(std::string_view text) {
  if (text == "plain") return 0;
  if (text == "packed") return kAnyRows;
  std::int64_t rows = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, rows);
  if (error == std::errc() && rest == end && rows > 0) return rows;
  throw Error(ErrorCode::kInvalidArgument, std::string(kVariable) +
                                               ": expected plain, packed or a number of rows, "
                                               "found \"" +
                                               std::string(text) + "\"");
}

}  // namespace deformer::nn
