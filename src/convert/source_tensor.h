// Tensors as a source file holds them: strided views of its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/safetensors.h"

namespace deformer {

/// A view that owns nothing but a share of the file. Transposing and slicing are views too, so no
/// weight is copied before it is written.
struct SourceTensor {
  std::string name;  ///< as the source spells it
  Dtype dtype = Dtype::kF32;
  Shape shape;
  Shape strides;                          ///< in elements, one a dimension, never negative
  std::span<const std::byte> bytes;       ///< from the first element on; every element lies inside
  std::shared_ptr<const void> owner;      ///< keeps the bytes alive
  std::optional<std::uint32_t> crc32c{};  ///< of `bytes`, still to be checked
  /// Of an I8 tensor: F32, one for each element of the first dimension. Empty: it is no weight in 8
  /// bits.
  std::span<const std::byte> scales{};
  std::shared_ptr<const void> scales_owner{};
};

/// Rows follow one another.
[[nodiscard]] Shape row_major_strides(std::span<const std::int64_t> shape);

/// A dense row-major tensor.
[[nodiscard]] SourceTensor make_source_tensor(const TensorView& view,
                                              std::shared_ptr<const void> owner);

/// Number of elements and the bytes that a view spans from its first to its last element; both
/// absent when a number overflows, a size or a stride is negative, or there are more than 8
/// dimensions.
struct Extent {
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;
};
[[nodiscard]] std::optional<Extent> extent_of(Dtype dtype, std::span<const std::int64_t> shape,
                                              std::span<const std::int64_t> strides);

/// Gives each I8 tensor the scales that belong to it (format/int8_tensor.h) and takes these out of
/// the list. Scales of another type or shape stay where they are.
void join_scales(std::vector<SourceTensor>& tensors);

/// [a, b] seen as [b, a]; the tensor must have two dimensions and no scales.
[[nodiscard]] SourceTensor transposed(SourceTensor tensor);
/// Element `index` along the first dimension; the tensor must have one and `index` lie in it, and
/// have no scales.
[[nodiscard]] SourceTensor slice(const SourceTensor& tensor, std::int64_t index);

/// Throws kCorrupt when the bytes do not have the checksum that the source states. Reads them all.
void check_checksum(const SourceTensor& tensor, const std::string& where);

/// Rows [first, first + count) of the first dimension (the one element of a scalar) as `dtype`,
/// row-major. From and to F32, F16, BF16 and F64; the last is read only, and so is I8 with scales,
/// which are multiplied in. A tensor's own type gives its values as they are. Narrower types are
/// rounded to nearest even, F64 by way of F32. Throws kInvalidArgument for a finite value that
/// `dtype` cannot hold.
[[nodiscard]] std::vector<std::byte> read_rows(const SourceTensor& tensor, std::int64_t first,
                                               std::int64_t count, Dtype dtype);

}  // namespace deformer
