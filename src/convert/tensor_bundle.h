// Checkpoints of TensorFlow in the form that tf.train.Saver has written since 2016 ("V2"): an index
// PREFIX.index and shards PREFIX.data-IIIII-of-NNNNN.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "convert/source_tensor.h"

namespace deformer {

/// An entry that is no tensor of numbers this library knows.
struct OtherEntry {
  std::string name;
  std::string type;  ///< "string", "complex64", ...
};

struct TensorBundle {
  std::vector<SourceTensor> tensors;  ///< by name; each has its checksum, not yet checked
  std::vector<OtherEntry> others;
};

/// `prefix` is the path without ".index". Shards are mapped, not read. Throws kNotFound (the index,
/// or a shard that holds a tensor), kCorrupt, kUnsupported (big-endian, a newer version, a
/// partitioned variable, the object graph of TensorFlow 2).
[[nodiscard]] TensorBundle open_tensor_bundle(const std::filesystem::path& prefix);

}  // namespace deformer
