// The index of a checkpoint in several files: model.safetensors.index.json, and
// pytorch_model.bin.index.json of the same form. Free of LibTorch.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace deformer {

/// Stored name of a tensor -> name of the file beside the index that holds it.
using WeightMap = std::map<std::string, std::string>;

/// Throws kNotFound, kCorrupt (also for a shard that is no plain file name: another place would
/// make the index a way to any file).
[[nodiscard]] WeightMap read_shard_index(const std::filesystem::path& index);

/// The files that a weight map names, by name. Throws kNotFound for one that is absent.
[[nodiscard]] std::map<std::string, std::filesystem::path> shard_paths(
    const std::filesystem::path& index, const WeightMap& weight_map);

/// Throws kIncompatible when a shard lacks a tensor that is mapped to it or holds one that is not.
/// `names`: the tensors of each shard.
void check_shards(const std::filesystem::path& index, const WeightMap& weight_map,
                  const std::map<std::string, std::set<std::string>>& names);

}  // namespace deformer
