#include "convert/source_tensor.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/half.h"
#include "base/quote.h"
#include "convert/crc.h"
#include "deformer/error.h"
#include "format/int8_tensor.h"

namespace deformer {
namespace {

constexpr std::size_t kMaxDimensions = 8;
// From here on rounding to half precision reaches infinity.
constexpr float kHalfOverflow = 65520.0F;

// Copies the elements under `axis` from element `offset` on, and moves `out` behind them.
void gather(const SourceTensor& tensor, std::size_t axis, std::int64_t offset, std::byte*& out) {
  const std::size_t size = value_bytes(tensor.dtype);
  const auto copy = [&](std::int64_t element, std::size_t count) {
    std::memcpy(out, tensor.bytes.data() + static_cast<std::size_t>(element) * size, count * size);
    out += count * size;
  };
  if (axis == tensor.shape.size()) return copy(offset, 1);
  const std::int64_t stride = tensor.strides[axis];
  const bool last = axis + 1 == tensor.shape.size();
  if (last && stride == 1) return copy(offset, static_cast<std::size_t>(tensor.shape[axis]));
  for (std::int64_t i = 0; i < tensor.shape[axis]; ++i) {
    if (last) {
      copy(offset + i * stride, 1);
    } else {
      gather(tensor, axis + 1, offset + i * stride, out);
    }
  }
}

template <typename Bits>
Bits load(const std::byte* at) {
  Bits bits;
  std::memcpy(&bits, at, sizeof(bits));
  return bits;
}

double to_double(Dtype dtype, const std::byte* at) {
  switch (dtype) {
    case Dtype::kF16:
      return half_to_float(load<std::uint16_t>(at));
    case Dtype::kBf16:
      return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(at)} << 16);
    case Dtype::kF32:
      return load<float>(at);
    case Dtype::kF64:
      return load<double>(at);
    case Dtype::kI8:
      return load<std::int8_t>(at);
    default:
      break;
  }
  DEFORMER_CHECK(false);
  return 0;
}

std::uint16_t to_half(float value) {
  if (std::isfinite(value)) return float_to_half(value);
  const std::uint32_t sign = std::bit_cast<std::uint32_t>(value) >> 16 & 0x8000U;
  return static_cast<std::uint16_t>(sign | (std::isnan(value) ? 0x7e00U : 0x7c00U));
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

// To nearest, but for halves to odd: rounded to nearest twice, a value beside the middle of two
// halves may end at the farther one.
float to_single(double value, Dtype dtype) {
  const auto single = static_cast<float>(value);
  if (dtype == Dtype::kF32 || !std::isfinite(single) || double{single} == value) return single;
  auto bits = std::bit_cast<std::uint32_t>(single);
  if (std::abs(double{single}) > std::abs(value)) --bits;  // the next one towards 0
  return std::bit_cast<float>(bits | 1U);
}

bool overflows(double value, Dtype dtype) {
  if (!std::isfinite(value)) return false;
  const float single = to_single(value, dtype);
  if (dtype == Dtype::kF16) return std::abs(single) >= kHalfOverflow;
  if (dtype == Dtype::kBf16) return (to_bf16(single) & 0x7fffU) >= 0x7f80U;
  return std::isinf(single);
}

void store(double value, Dtype dtype, std::byte* at) {
  const float single = to_single(value, dtype);
  if (dtype == Dtype::kF32) {
    std::memcpy(at, &single, sizeof(single));
    return;
  }
  DEFORMER_CHECK(dtype == Dtype::kF16 || dtype == Dtype::kBf16);
  const std::uint16_t bits = dtype == Dtype::kF16 ? to_half(single) : to_bf16(single);
  std::memcpy(at, &bits, sizeof(bits));
}

double scale_of_row(const SourceTensor& tensor, std::size_t row) {
  if (tensor.dtype != Dtype::kI8) return 1;
  DEFORMER_CHECK((row + 1) * sizeof(float) <= tensor.scales.size());
  return load<float>(tensor.scales.data() + row * sizeof(float));
}

// `values` are whole rows of the tensor, from row `first` on.
std::vector<std::byte> converted(std::span<const std::byte> values, const SourceTensor& tensor,
                                 std::size_t first, Dtype dtype) {
  const std::size_t step = value_bytes(tensor.dtype);
  std::size_t row_bytes = step;
  for (std::size_t i = 1; i < tensor.shape.size(); ++i) {
    row_bytes *= static_cast<std::size_t>(tensor.shape[i]);
  }
  std::vector<std::byte> out(values.size() / step * value_bytes(dtype));
  std::byte* at = out.data();
  for (std::size_t i = 0; i < values.size(); i += step, at += value_bytes(dtype)) {
    const double scale = scale_of_row(tensor, first + i / row_bytes);
    const double value = to_double(tensor.dtype, values.data() + i) * scale;
    if (overflows(value, dtype)) {
      throw Error(ErrorCode::kInvalidArgument, "tensor " + in_quotes(tensor.name) +
                                                   ": expected values that " + to_string(dtype) +
                                                   " can hold, found " + std::to_string(value));
    }
    store(value, dtype, at);
  }
  return out;
}

bool are_scales_of(const SourceTensor& scales, const SourceTensor& tensor) {
  return scales.dtype == Dtype::kF32 && scales.shape == Shape{tensor.shape.front()};
}

}  // namespace

Shape row_major_strides(std::span<const std::int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) {
    if (__builtin_mul_overflow(strides[i], shape[i], &strides[i - 1])) strides[i - 1] = -1;
  }
  return strides;
}

SourceTensor make_source_tensor(const TensorView& view, std::shared_ptr<const void> owner) {
  return {view.name,  view.dtype,       view.shape, row_major_strides(view.shape),
          view.bytes, std::move(owner), {}};
}

std::optional<Extent> extent_of(Dtype dtype, std::span<const std::int64_t> shape,
                                std::span<const std::int64_t> strides) {
  if (shape.size() != strides.size() || shape.size() > kMaxDimensions) return std::nullopt;
  Extent extent{.elements = 1, .bytes = 0};
  std::int64_t last = 0;
  bool overflow = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 || strides[i] < 0) return std::nullopt;
    overflow |= __builtin_mul_overflow(extent.elements, shape[i], &extent.elements);
    std::int64_t step = 0;
    overflow |= __builtin_mul_overflow(shape[i] - 1, strides[i], &step);
    overflow |= __builtin_add_overflow(last, step, &last);
  }
  if (overflow) return std::nullopt;
  if (extent.elements == 0) return Extent{};
  const auto size = static_cast<std::uint64_t>(value_bytes(dtype));
  std::uint64_t all = 0;  // of the elements one by one: what a reader of the view will hold
  overflow |= __builtin_mul_overflow(static_cast<std::uint64_t>(extent.elements), size, &all);
  overflow |= __builtin_mul_overflow(static_cast<std::uint64_t>(last) + 1, size, &extent.bytes);
  if (overflow) return std::nullopt;
  return extent;
}

void join_scales(std::vector<SourceTensor>& tensors) {
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < tensors.size(); ++i) places.emplace(tensors[i].name, i);
  std::vector<bool> joined(tensors.size());
  for (SourceTensor& tensor : tensors) {
    if (tensor.dtype != Dtype::kI8 || tensor.shape.empty()) continue;
    const auto place = places.find(int8_scale_name(tensor.name));
    if (place == places.end() || !are_scales_of(tensors[place->second], tensor)) continue;
    tensor.scales = tensors[place->second].bytes;
    tensor.scales_owner = tensors[place->second].owner;
    joined[place->second] = true;
  }
  std::vector<SourceTensor> left;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!joined[i]) left.push_back(std::move(tensors[i]));
  }
  tensors = std::move(left);
}

SourceTensor transposed(SourceTensor tensor) {
  DEFORMER_CHECK(tensor.shape.size() == 2 && tensor.scales.empty());
  std::swap(tensor.shape[0], tensor.shape[1]);
  std::swap(tensor.strides[0], tensor.strides[1]);
  return tensor;
}

SourceTensor slice(const SourceTensor& tensor, std::int64_t index) {
  DEFORMER_CHECK(!tensor.shape.empty() && index >= 0 && index < tensor.shape.front());
  DEFORMER_CHECK(tensor.scales.empty());
  SourceTensor part = tensor;
  const auto offset = static_cast<std::size_t>(index * tensor.strides.front());
  part.shape.erase(part.shape.begin());
  part.strides.erase(part.strides.begin());
  const bool empty = part.bytes.empty();
  part.bytes = empty ? part.bytes : part.bytes.subspan(offset * value_bytes(tensor.dtype));
  part.crc32c.reset();
  return part;
}

void check_checksum(const SourceTensor& tensor, const std::string& where) {
  if (!tensor.crc32c || *tensor.crc32c == crc32c(tensor.bytes)) return;
  throw Error(ErrorCode::kCorrupt, where + ": tensor " + in_quotes(tensor.name) +
                                       ": expected bytes with CRC-32C " +
                                       std::to_string(*tensor.crc32c) + ", found " +
                                       std::to_string(crc32c(tensor.bytes)));
}

std::vector<std::byte> read_rows(const SourceTensor& tensor, std::int64_t first, std::int64_t count,
                                 Dtype dtype) {
  const std::int64_t all = tensor.shape.empty() ? 1 : tensor.shape.front();
  DEFORMER_CHECK(first >= 0 && count >= 0 && first + count <= all);
  SourceTensor rows = tensor;
  std::int64_t offset = 0;
  if (!rows.shape.empty()) {
    rows.shape.front() = count;
    offset = first * rows.strides.front();
  }
  std::size_t bytes = value_bytes(rows.dtype);
  for (const std::int64_t size : rows.shape) bytes *= static_cast<std::size_t>(size);
  std::vector<std::byte> values(bytes);
  std::byte* out = values.data();
  if (bytes > 0) gather(rows, 0, offset, out);
  if (dtype == tensor.dtype) return values;
  return converted(values, tensor, static_cast<std::size_t>(first), dtype);
}

}  // namespace deformer
