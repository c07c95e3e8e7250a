#include "store/hidden_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "base/half.h"
#include "base/processor.h"
#include "base/vector_loops.h"
#include "deformer/error.h"

#if DEFORMER_X86
#include <immintrin.h>
#endif

namespace deformer {
namespace {

constexpr std::size_t kAlignment = 64;

[[noreturn]] void fail_states(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "hidden states: " + message);
}

std::size_t checked_product(std::size_t a, std::size_t b) {
  std::size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) fail_states("sizes overflow");
  return product;
}

// Values and scales in one block; the scales behind, on a multiple of 4.
struct Block {
  explicit Block(std::size_t bytes)
      : data(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment}))) {}
  ~Block() { ::operator delete (data, std::align_val_t{kAlignment}); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  std::byte* data;
};

// Where encoded values go before they become immutable.
struct MutableStates {
  HiddenStates hidden;
  std::byte* values = nullptr;
  float* scales = nullptr;
};

MutableStates allocate(std::size_t rows, std::size_t hidden_size, HiddenCodec codec) {
  const std::size_t value_size =
      checked_product(checked_product(rows, hidden_size), value_bytes(codec));
  const std::size_t num_scales = codec == HiddenCodec::kInt8 ? rows : 0;
  if (value_size > std::numeric_limits<std::size_t>::max() / 2) fail_states("sizes overflow");
  const std::size_t scales_at = (value_size + 3) / 4 * 4;
  auto block = std::make_shared<Block>(
      std::max<std::size_t>(scales_at + num_scales * sizeof(float), kAlignment));
  MutableStates states;
  states.values = block->data;
  states.scales = reinterpret_cast<float*>(block->data + scales_at);
  states.hidden = {.codec = codec,
                   .rows = rows,
                   .hidden_size = hidden_size,
                   .values = {states.values, value_size},
                   .scales = {states.scales, num_scales},
                   .owner = std::move(block)};
  return states;
}

DEFORMER_INLINE void int8_to_float_loop(const std::int8_t* in, float scale, std::size_t count,
                                        float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = scale * static_cast<float>(in[i]);
}

DEFORMER_INLINE void float_to_int8_loop(const float* in, float scale, std::size_t count,
                                        std::int8_t* out) {
  // Adding 1.5 * 2^23 leaves no bit behind the point: the sum is rounded to nearest even.
  constexpr float kRound = 12582912.0F;
  for (std::size_t i = 0; i < count; ++i) {
    const float clamped = std::clamp(in[i] / scale, -127.0F, 127.0F);
    out[i] = static_cast<std::int8_t>((clamped + kRound) - kRound);
  }
}

DEFORMER_INLINE void float_to_half_loop(const float* in, std::size_t count, std::uint16_t* out) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = float_to_half(std::clamp(in[i], -kHalfMax, kHalfMax));
  }
}

DEFORMER_INLINE void half_to_float_loop(const std::uint16_t* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = half_to_float(in[i]);
}

// Infinity and NaN have magnitudes above all others, in integers: no compiler flag can reason that
// away. `Bits` is signed, since processors of old compare nothing else.
template <typename Bits>
DEFORMER_INLINE bool is_finite_loop(const std::byte* in, std::size_t count, Bits infinity) {
  Bits largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, in + i * sizeof bits, sizeof bits);
    largest = std::max<Bits>(largest, bits & std::numeric_limits<Bits>::max());
  }
  return largest < infinity;
}

constexpr std::int32_t kInfinity = 0x7f800000;
constexpr std::int16_t kHalfInfinity = 0x7c00;

// What a row goes through.
struct Kernels {
  bool (*is_finite)(const std::byte*, std::size_t);
  bool (*is_finite_half)(const std::byte*, std::size_t);
  void (*int8_to_float)(const std::int8_t*, float, std::size_t, float*);
  void (*half_to_float)(const std::uint16_t*, std::size_t, float*);
  float (*largest_magnitude)(const float*, std::size_t);
  void (*float_to_int8)(const float*, float, std::size_t, std::int8_t*);
  void (*float_to_half)(const float*, std::size_t, std::uint16_t*);
};

constexpr Kernels kPortable{
    [](const std::byte* in, std::size_t count) { return is_finite_loop(in, count, kInfinity); },
    [](const std::byte* in, std::size_t count) { return is_finite_loop(in, count, kHalfInfinity); },
    [](const std::int8_t* in, float scale, std::size_t count, float* out) {
      int8_to_float_loop(in, scale, count, out);
    },
    [](const std::uint16_t* in, std::size_t count, float* out) {
      half_to_float_loop(in, count, out);
    },
    [](const float* in, std::size_t count) { return largest_magnitude(in, count); },
    [](const float* in, float scale, std::size_t count, std::int8_t* out) {
      float_to_int8_loop(in, scale, count, out);
    },
    [](const float* in, std::size_t count, std::uint16_t* out) {
      float_to_half_loop(in, count, out);
    },
};

#if DEFORMER_X86

DEFORMER_AVX2 bool is_finite_avx2(const std::byte* in, std::size_t count) {
  return is_finite_loop(in, count, kInfinity);
}

DEFORMER_AVX2 bool is_finite_half_avx2(const std::byte* in, std::size_t count) {
  return is_finite_loop(in, count, kHalfInfinity);
}

DEFORMER_AVX2 void int8_to_float_avx2(const std::int8_t* in, float scale, std::size_t count,
                                      float* out) {
  int8_to_float_loop(in, scale, count, out);
}

DEFORMER_AVX2 float largest_magnitude_avx2(const float* in, std::size_t count) {
  return largest_magnitude(in, count);
}

DEFORMER_AVX2 void float_to_int8_avx2(const float* in, float scale, std::size_t count,
                                      std::int8_t* out) {
  float_to_int8_loop(in, scale, count, out);
}

DEFORMER_AVX2 void half_to_float_avx2(const std::uint16_t* in, std::size_t count, float* out) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(halves));
  }
  half_to_float_loop(in + i, count - i, out + i);
}

DEFORMER_AVX2 void float_to_half_avx2(const float* in, std::size_t count, std::uint16_t* out) {
  const __m256 highest = _mm256_set1_ps(kHalfMax);
  const __m256 lowest = _mm256_set1_ps(-kHalfMax);
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 values = _mm256_loadu_ps(in + i);
    const __m256 clamped = _mm256_max_ps(lowest, _mm256_min_ps(highest, values));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(clamped, _MM_FROUND_TO_NEAREST_INT));
  }
  float_to_half_loop(in + i, count - i, out + i);
}

constexpr Kernels kAvx2{is_finite_avx2,     is_finite_half_avx2,    int8_to_float_avx2,
                        half_to_float_avx2, largest_magnitude_avx2, float_to_int8_avx2,
                        float_to_half_avx2};
#endif

const Kernels& kernels() noexcept {
#if DEFORMER_X86
  if (has_avx2()) return kAvx2;
#endif
  return kPortable;
}

// One value, from the codec's form.
float value_at(const std::byte* in, HiddenCodec codec) {
  if (codec == HiddenCodec::kFp16) {
    std::uint16_t half = 0;
    std::memcpy(&half, in, sizeof half);
    return half_to_float(half);
  }
  float value = 0;
  std::memcpy(&value, in, sizeof value);
  return value;
}

// Of fp32 or fp16; the first bad value is named, the first row counts as `first_row`.
void require_finite(std::span<const std::byte> values, std::size_t hidden_size, HiddenCodec codec,
                    std::size_t first_row) {
  const std::size_t size = value_bytes(codec);
  const auto is_finite =
      codec == HiddenCodec::kFp16 ? kernels().is_finite_half : kernels().is_finite;
  if (is_finite(values.data(), values.size() / size)) return;
  std::size_t index = 0;
  while (is_finite(values.data() + index * size, 1)) ++index;
  fail_states("row " + std::to_string(first_row + index / hidden_size) + ", column " +
              std::to_string(index % hidden_size) + ": expected a finite value, found " +
              std::to_string(value_at(values.data() + index * size, codec)));
}

// Positive and finite in one comparison, and so what they are multiplied with.
void require_scales(std::span<const float> scales, std::size_t first_row) {
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(scales[i]) < 0x7f800000U) continue;
    fail_states("row " + std::to_string(first_row + i) +
                ": expected a finite scale that is not negative, found " +
                std::to_string(scales[i]));
  }
}

void encode_int8(std::span<const float> values, const MutableStates& states) {
  const std::size_t width = states.hidden.hidden_size;
  auto* out = reinterpret_cast<std::int8_t*>(states.values);
  for (std::size_t row = 0; row < states.hidden.rows; ++row) {
    const float* in = values.data() + row * width;
    const float scale = kernels().largest_magnitude(in, width) / 127.0F;
    states.scales[row] = scale;
    if (scale > 0) {
      kernels().float_to_int8(in, scale, width, out + row * width);
    } else {
      std::memset(out + row * width, 0, width);
    }
  }
}

void require_room(std::size_t found, std::size_t expected, const char* unit) {
  if (found == expected) return;
  fail_states("expected room for " + std::to_string(expected) + " " + unit + ", found " +
              std::to_string(found));
}

// Rows of states that anyone may have made: nothing about them is taken for granted.
std::span<const std::byte> find_rows(const HiddenStates& hidden, std::size_t first_row,
                                     std::size_t num_rows) {
  validate_hidden(hidden);
  if (first_row > hidden.rows || num_rows > hidden.rows - first_row) {
    fail_states("expected rows within [0, " + std::to_string(hidden.rows) + "), found " +
                std::to_string(num_rows) + " rows from " + std::to_string(first_row));
  }
  const std::size_t row_bytes = hidden.hidden_size * value_bytes(hidden.codec);
  return hidden.values.subspan(first_row * row_bytes, num_rows * row_bytes);
}

void check_values(const HiddenStates& hidden, std::span<const std::byte> rows,
                  std::size_t first_row) {
  if (hidden.codec != HiddenCodec::kInt8) {
    require_finite(rows, hidden.hidden_size, hidden.codec, first_row);
  } else if (hidden.hidden_size > 0) {
    require_scales(hidden.scales.subspan(first_row, rows.size() / hidden.hidden_size), first_row);
  }
}

void decode_rows(const HiddenStates& hidden, const std::byte* rows, std::size_t first_row,
                 std::span<float> out) {
  const std::size_t width = hidden.hidden_size;
  switch (hidden.codec) {
    case HiddenCodec::kFp32:
      std::memcpy(out.data(), rows, out.size_bytes());
      break;
    case HiddenCodec::kFp16:
      kernels().half_to_float(reinterpret_cast<const std::uint16_t*>(rows), out.size(), out.data());
      break;
    case HiddenCodec::kInt8:
      for (std::size_t at = 0; at < out.size(); at += width) {
        kernels().int8_to_float(reinterpret_cast<const std::int8_t*>(rows) + at,
                                hidden.scales[first_row + at / width], width, out.data() + at);
      }
      break;
  }
}

}  // namespace

void validate_hidden(const HiddenStates& hidden) {
  if (static_cast<std::uint8_t>(hidden.codec) > static_cast<std::uint8_t>(HiddenCodec::kInt8)) {
    fail_states("unknown codec " + std::to_string(static_cast<int>(hidden.codec)));
  }
  const std::size_t bytes =
      checked_product(checked_product(hidden.rows, hidden.hidden_size), value_bytes(hidden.codec));
  if (hidden.values.size() != bytes) {
    fail_states("[" + std::to_string(hidden.rows) + ", " + std::to_string(hidden.hidden_size) +
                "] " + to_string(hidden.codec) + ": expected " + std::to_string(bytes) +
                " bytes, found " + std::to_string(hidden.values.size()));
  }
  const std::size_t num_scales = hidden.codec == HiddenCodec::kInt8 ? hidden.rows : 0;
  if (hidden.scales.size() != num_scales) {
    fail_states("expected " + std::to_string(num_scales) + " scales, found " +
                std::to_string(hidden.scales.size()));
  }
  if (reinterpret_cast<std::uintptr_t>(hidden.values.data()) % alignof(float) != 0 ||
      reinterpret_cast<std::uintptr_t>(hidden.scales.data()) % alignof(float) != 0) {
    fail_states("expected values and scales at a multiple of 4 bytes");
  }
}

void validate_values(const HiddenStates& hidden) {
  check_values(hidden, find_rows(hidden, 0, hidden.rows), 0);
}

HiddenStates encode_hidden(std::span<const float> values, std::size_t rows, std::size_t hidden_size,
                           HiddenCodec codec) {
  if (values.size() != checked_product(rows, hidden_size)) {
    fail_states("expected " + std::to_string(rows) + " x " + std::to_string(hidden_size) +
                " values, found " + std::to_string(values.size()));
  }
  require_finite(std::as_bytes(values), hidden_size, HiddenCodec::kFp32, 0);
  MutableStates states = allocate(rows, hidden_size, codec);
  switch (codec) {
    case HiddenCodec::kFp32:
      if (!values.empty()) std::memcpy(states.values, values.data(), values.size_bytes());
      break;
    case HiddenCodec::kFp16:
      kernels().float_to_half(values.data(), values.size(),
                              reinterpret_cast<std::uint16_t*>(states.values));
      break;
    case HiddenCodec::kInt8:
      encode_int8(values, states);
      break;
  }
  return std::move(states.hidden);
}

void decode_hidden(const HiddenStates& hidden, std::size_t first_row, std::size_t num_rows,
                   std::span<float> out) {
  const std::span<const std::byte> rows = find_rows(hidden, first_row, num_rows);
  const std::size_t width = hidden.hidden_size;
  require_room(out.size(), num_rows * width, "values");
  if (rows.empty()) return;
  // In parts that stay in the cache between the check and the decoding.
  constexpr std::size_t kPart = 4096;
  const std::size_t part_rows = std::max<std::size_t>(kPart / width, 1);
  const std::size_t row_bytes = width * value_bytes(hidden.codec);
  for (std::size_t row = 0; row < num_rows; row += part_rows) {
    const std::size_t count = std::min(part_rows, num_rows - row);
    const auto part = rows.subspan(row * row_bytes, count * row_bytes);
    check_values(hidden, part, first_row + row);
    decode_rows(hidden, part.data(), first_row + row, out.subspan(row * width, count * width));
  }
}

void copy_rows(const HiddenStates& hidden, std::size_t first_row, std::size_t num_rows,
               std::span<std::byte> out) {
  const std::span<const std::byte> rows = find_rows(hidden, first_row, num_rows);
  require_room(out.size(), rows.size(), "bytes");
  if (rows.empty()) return;
  check_values(hidden, rows, first_row);
  std::memcpy(out.data(), rows.data(), rows.size());
}

HiddenStates copy_hidden(const HiddenStates& hidden) {
  validate_hidden(hidden);
  MutableStates states = allocate(hidden.rows, hidden.hidden_size, hidden.codec);
  if (!hidden.values.empty()) {
    std::memcpy(states.values, hidden.values.data(), hidden.values.size());
  }
  if (!hidden.scales.empty()) {
    std::memcpy(states.scales, hidden.scales.data(), hidden.scales.size_bytes());
  }
  return std::move(states.hidden);
}

}  // namespace deformer
