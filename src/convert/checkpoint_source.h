// Finding and opening what lies at a path: any kind of checkpoint that can be converted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "convert/source_tensor.h"
#include "deformer/convert.h"

namespace deformer {

/// More than any configuration beside a checkpoint takes.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;

enum class SourceKind : std::uint8_t { kSafetensors, kTorch, kTensorflow };

struct CheckpointSource {
  SourceKind kind = SourceKind::kSafetensors;
  std::filesystem::path path;       ///< the file, index or prefix; what messages name
  std::filesystem::path directory;  ///< where configuration and vocabulary are looked for
  std::vector<SourceTensor> tensors;
  std::vector<SkippedTensor> skipped;  ///< entries that are no tensors of numbers
};

/// `from` is a directory, a file, or the prefix of a TensorFlow checkpoint. In a directory the
/// first of these counts: model.safetensors, model.safetensors.index.json, pytorch_model.bin,
/// pytorch_model.bin.index.json, the TensorFlow checkpoint that a file `checkpoint` names, the
/// only *.index. Throws kNotFound, kInvalidArgument (several TensorFlow checkpoints), kUnsupported
/// (a known form that is not read, with advice), and as the readers.
[[nodiscard]] CheckpointSource open_checkpoint_source(const std::filesystem::path& from);

/// "TensorFlow checkpoint DIR/model.ckpt"
[[nodiscard]] std::string describe(const CheckpointSource& source);

}  // namespace deformer
