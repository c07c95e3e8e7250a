#include "architecture/checkpoint.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "architecture/architecture.h"
#include "base/file.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "format/int8_tensor.h"
#include "format/shard_index.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

struct Rename {
  std::string_view from;
  std::string_view to;
};
// TensorFlow's names, which files from before 2020 still carry.
constexpr std::array<Rename, 2> kLegacySuffixes{
    {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}}};

bool begins_with_any(std::string_view name, std::span<const std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view beginning) { return name.starts_with(beginning); });
}

// What DataParallel and torch.compile put in front of a wrapped model's names.
std::string_view without_wrapper(std::string_view name) {
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : {"module.", "_orig_mod."}) {
      if (!name.starts_with(wrapper)) continue;
      name.remove_prefix(wrapper.size());
      found = true;
    }
  }
  return name;
}

[[noreturn]] void fail_not_found(const fs::path& model_dir) {
  std::string message =
      model_dir.string() + ": expected " + kSingleFile + " or " + kIndexFile + ", found neither";
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (is_there(model_dir / other)) {
      message += std::string(" (") + other +
                 " is not read: deformer convert makes a model directory of it)";
      break;
    }
  }
  throw Error(ErrorCode::kNotFound, message);
}

}  // namespace

std::string canonical_name(std::string_view stored_name, const Architecture& architecture) {
  std::string name(without_wrapper(stored_name));
  for (const Rename& rename : kLegacySuffixes) {
    if (name.ends_with(rename.from)) {
      name.replace(name.size() - rename.from.size(), rename.from.size(), rename.to);
    }
  }
  if (begins_with_any(name, architecture.weights.bare)) {
    return std::string(architecture.weights.root) + "." + name;
  }
  return name;
}

bool is_commonly_unused(std::string_view canonical_name, const Architecture& architecture) {
  return begins_with_any(canonical_name, architecture.weights.unused);
}

Checkpoint Checkpoint::open(const fs::path& model_dir, const Architecture& architecture) {
  return open(model_dir, &architecture);
}

Checkpoint Checkpoint::open_as_stored(const fs::path& model_dir) {
  return open(model_dir, nullptr);
}

Checkpoint Checkpoint::open(const fs::path& model_dir, const Architecture* architecture) {
  if (is_there(model_dir / kSingleFile)) {
    Checkpoint checkpoint(model_dir / kSingleFile, architecture);
    checkpoint.add(SafetensorsFile::open(checkpoint.path_));
    return checkpoint;
  }
  if (!is_there(model_dir / kIndexFile)) fail_not_found(model_dir);
  Checkpoint checkpoint(model_dir / kIndexFile, architecture);
  const WeightMap weight_map = read_shard_index(checkpoint.path_);
  std::vector<SafetensorsFile> shards;
  std::map<std::string, std::set<std::string>> names;
  for (const auto& [shard, path] : shard_paths(checkpoint.path_, weight_map)) {
    shards.push_back(SafetensorsFile::open(path));
    std::set<std::string>& held = names[shard];
    for (const TensorView& tensor : shards.back().tensors()) held.insert(tensor.name);
  }
  check_shards(checkpoint.path_, weight_map, names);
  for (const SafetensorsFile& file : shards) checkpoint.add(file);
  return checkpoint;
}

void Checkpoint::add(const SafetensorsFile& file) {
  for (const TensorView& tensor : file.tensors()) {
    const std::string name =
        architecture_ == nullptr ? tensor.name : canonical_name(tensor.name, *architecture_);
    const auto [entry, added] = tensors_.try_emplace(name, StoredTensor{tensor, file.mapping()});
    if (added) continue;
    throw Error(ErrorCode::kIncompatible,
                path_.string() + ": expected one tensor named " + in_quotes(name) + ", found " +
                    in_quotes(entry->second.view.name) + " and " + in_quotes(tensor.name));
  }
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const StoredTensor* Checkpoint::scale_of(const StoredTensor& tensor, std::string_view name) const {
  return tensor.view.dtype == Dtype::kI8 ? find(int8_scale_name(name)) : nullptr;
}

Checkpoint Checkpoint::with_layers(std::span<const int> layers) const {
  Checkpoint chosen(path_, architecture_);
  for (const auto& [name, tensor] : tensors_) {
    const std::optional<LayerName> place = find_layer_name(*architecture_, name);
    if (!place) chosen.tensors_.emplace(name, tensor);
    for (std::size_t i = 0; place && i < layers.size(); ++i) {
      if (layers[i] != place->layer) continue;
      chosen.tensors_.emplace(
          std::string(place->before) + std::to_string(i) + std::string(place->rest), tensor);
    }
  }
  return chosen;
}

bool Checkpoint::is_stored_in(Dtype dtype) const {
  constexpr std::array kFloating{Dtype::kF16, Dtype::kBf16, Dtype::kF32, Dtype::kF64};
  std::size_t found = 0;
  for (const auto& [name, stored] : tensors_) {
    const Dtype own = stored.view.dtype;
    if (own == dtype) {
      ++found;
    } else if (std::find(kFloating.begin(), kFloating.end(), own) != kFloating.end()) {
      return false;
    }
  }
  return found > 0;
}

bool Checkpoint::is_stored_in_int8() const {
  // A buffer may be I8 as well; scales make weights of it.
  return std::any_of(tensors_.begin(), tensors_.end(), [&](const auto& entry) {
    return scale_of(entry.second, entry.first) != nullptr;
  });
}

void Checkpoint::hash_into(Hasher& hasher, std::span<const std::string> names) const {
  for (const std::string& name : names) {
    const StoredTensor* tensor = find(name);
    if (tensor == nullptr) {
      throw Error(ErrorCode::kIncompatible,
                  path_.string() + ": expected a tensor " + in_quotes(name) + ", found none");
    }
    const TensorView& view = tensor->view;
    hasher.add(std::string_view(name)).add(std::string_view(to_string(view.dtype)));
    hasher.add(std::as_bytes(std::span(view.shape))).add(view.bytes);
    const StoredTensor* scale = scale_of(*tensor, name);
    if (scale != nullptr) hasher.add(scale->view.bytes);
  }
}

}  // namespace deformer
