// The weights of a model directory: model.safetensors, or shards and their index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "convert/checkpoint_source.h"
#include "convert/weight_selection.h"

namespace deformer {

struct WeightsToWrite {
  const std::vector<NamedWeight>& weights;
  const CheckpointSource& source;
  Dtype dtype;
  std::int64_t max_shard_bytes;  ///< 0: one file, whatever its size
};

/// Writes model.safetensors into `directory`; where the tensors have more bytes than a shard may,
/// model-00001-of-0000N.safetensors and model.safetensors.index.json, a larger tensor in a shard of
/// its own. Throws kInvalidArgument naming the source (a value that the element type cannot hold),
/// kIo, kResourceExhausted.
void write_weights(const std::filesystem::path& directory, const WeightsToWrite& what);

}  // namespace deformer
