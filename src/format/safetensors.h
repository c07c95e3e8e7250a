// Reading and writing safetensors files (docs/model_format.md). Free of LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/mapped_file.h"
#include "deformer/types.h"

namespace deformer {

/// Element types, in the format's own order: files list their tensors from the last type to the
/// first, so that every tensor is aligned to its elements.
enum class Dtype : std::uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kI16,
  kU16,
  kF16,
  kBf16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
  kUnknown,  ///< of a later version of the format: its size cannot be checked
};

/// The format's spelling: "BOOL", "U8", ..., "BF16", ...; "an unknown type".
[[nodiscard]] std::string to_string(Dtype dtype);
[[nodiscard]] Dtype dtype_of(SaveFormat format) noexcept;
/// Bytes of one element; of types that are no whole bytes, or not known, 1.
[[nodiscard]] std::size_t value_bytes(Dtype dtype) noexcept;

using Shape = std::vector<std::int64_t>;

/// Product of the sizes; absent when it overflows or a size is negative.
[[nodiscard]] std::optional<std::int64_t> element_count(std::span<const std::int64_t> shape);
/// Absent when a product overflows, or the elements of a narrow type leave a part of a byte.
[[nodiscard]] std::optional<std::size_t> tensor_bytes(Dtype dtype,
                                                      std::span<const std::int64_t> shape);
/// "[768, 3072]", for messages.
[[nodiscard]] std::string shape_text(std::span<const std::int64_t> shape);

/// One tensor, row-major, little-endian. Does not own its bytes, which need not be aligned.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

using Metadata = std::map<std::string, std::string>;

/// A mapped file whose every offset has been checked: header length, JSON, shapes, sizes of all
/// types but kUnknown, and tensors that cover the buffer without gap or overlap. Nothing is copied.
/// Immutable, safe for concurrent calls.
class SafetensorsFile {
 public:
  static constexpr std::size_t kMaxHeaderBytes = 100'000'000;  // as the format's own reader

  /// Throws kNotFound, kIo, kCorrupt (file, tensor, expected, found).
  [[nodiscard]] static SafetensorsFile open(const std::filesystem::path& path);

  /// Sorted by name.
  [[nodiscard]] const std::vector<TensorView>& tensors() const noexcept { return tensors_; }
  /// Null when absent.
  [[nodiscard]] const TensorView* find(std::string_view name) const noexcept;
  [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
  /// Keeps the bytes of the views alive beyond this object.
  [[nodiscard]] const std::shared_ptr<const MappedFile>& mapping() const noexcept {
    return mapping_;
  }

 private:
  SafetensorsFile() = default;

  std::shared_ptr<const MappedFile> mapping_;
  std::vector<TensorView> tensors_;
  Metadata metadata_;
};

/// What the header says of a tensor before its bytes exist.
struct TensorSpec {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;
};

/// Writes one file piece by piece, so that no more than a piece need be in memory. Without commit()
/// the target is untouched. Not safe for concurrent calls.
class SafetensorsWriter {
 public:
  /// The file lists the tensors in the given order; put wide types first to keep all aligned.
  /// Throws kInvalidArgument for a name that occurs twice, is reserved or is no UTF-8, and for a
  /// negative or too large shape; kIo.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
                    const Metadata& metadata = {});

  /// Bytes of the tensors one after the other, in pieces of any size. Throws kInvalidArgument when
  /// there are more than the shapes need; kIo, kResourceExhausted.
  void append(std::span<const std::byte> bytes);
  /// Throws kInvalidArgument when bytes are missing; kIo, kResourceExhausted.
  void commit();

 private:
  AtomicFile file_;
  std::string where_;
  std::size_t expected_bytes_ = 0;
  std::size_t written_bytes_ = 0;
};

/// SafetensorsWriter in one call; tensors in the format's usual order (wide types first, then by
/// name). Throws kInvalidArgument when a tensor's bytes do not match its shape, and as the writer.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const Metadata& metadata = {});

}  // namespace deformer
