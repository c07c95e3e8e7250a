#include "convert/checkpoint_source.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "architecture/checkpoint.h"
#include "base/file.h"
#include "base/mapped_file.h"
#include "base/stand_in.h"
#include "convert/table_file.h"
#include "convert/tensor_bundle.h"
#include "convert/torch_file.h"
#include "convert/zip_archive.h"
#include "deformer/error.h"
#include "format/shard_index.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndex = ".index";

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

CheckpointSource open_safetensors(const fs::path& path) {
  CheckpointSource source{SourceKind::kSafetensors, path, folder_of(path), {}, {}};
  const SafetensorsFile file = SafetensorsFile::open(path);
  for (const TensorView& view : file.tensors()) {
    source.tensors.push_back(make_source_tensor(view, file.mapping()));
  }
  return source;
}

CheckpointSource open_safetensors_shards(const fs::path& index) {
  CheckpointSource source{SourceKind::kSafetensors, index, folder_of(index), {}, {}};
  const WeightMap weight_map = read_shard_index(index);
  std::map<std::string, std::set<std::string>> names;
  for (const auto& [shard, path] : shard_paths(index, weight_map)) {
    std::set<std::string>& held = names[shard];
    for (SourceTensor& tensor : open_safetensors(path).tensors) {
      held.insert(tensor.name);
      source.tensors.push_back(std::move(tensor));
    }
  }
  check_shards(index, weight_map, names);
  return source;
}

CheckpointSource open_torch(const fs::path& path) {
  return {SourceKind::kTorch, path, folder_of(path), open_torch_file(path), {}};
}

CheckpointSource open_torch_shards(const fs::path& index) {
  CheckpointSource source{SourceKind::kTorch, index, folder_of(index), {}, {}};
  const WeightMap weight_map = read_shard_index(index);
  std::map<std::string, std::set<std::string>> names;
  for (const auto& [shard, path] : shard_paths(index, weight_map)) {
    std::set<std::string>& held = names[shard];
    for (SourceTensor& tensor : open_torch_file(path)) {
      held.insert(tensor.name);
      source.tensors.push_back(std::move(tensor));
    }
  }
  check_shards(index, weight_map, names);
  return source;
}

CheckpointSource open_tensorflow(const fs::path& prefix) {
  TensorBundle bundle = open_tensor_bundle(prefix);
  CheckpointSource source{
      SourceKind::kTensorflow, prefix, folder_of(prefix), std::move(bundle.tensors), {}};
  for (const OtherEntry& other : bundle.others) {
    source.skipped.push_back({other.name, SkipReason::kNotNumbers});
  }
  return source;
}

// What tf.train.Saver notes beside its checkpoints: model_checkpoint_path: "model.ckpt-8321"
std::optional<fs::path> noted_prefix(const fs::path& directory) {
  constexpr std::string_view kKey = "model_checkpoint_path:";
  if (!is_there(directory / "checkpoint")) return std::nullopt;
  const std::string text = read_file(directory / "checkpoint", std::size_t{1} << 20);
  if (!text.starts_with(kKey)) return std::nullopt;
  const std::size_t begin = text.find('"');
  const std::size_t end = begin == std::string::npos ? begin : text.find('"', begin + 1);
  if (end == std::string::npos) return std::nullopt;
  // Often an absolute path of the machine that trained.
  const fs::path noted(text.substr(begin + 1, end - begin - 1));
  const fs::path prefix = directory / noted.filename();
  return is_there(prefix.string() + std::string(kIndex)) ? std::optional(prefix) : std::nullopt;
}

std::vector<fs::path> prefixes_in(const fs::path& directory) {
  std::vector<fs::path> prefixes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(kIndex)) continue;
    name.resize(name.size() - kIndex.size());
    prefixes.push_back(directory / name);
  }
  if (error) throw Error(ErrorCode::kIo, directory.string() + ": " + error.message());
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

CheckpointSource open_directory(const fs::path& directory) {
  struct Form {
    const char* file;
    CheckpointSource (*open)(const fs::path&);
  };
  constexpr Form kForms[] = {{"model.safetensors", open_safetensors},
                             {"model.safetensors.index.json", open_safetensors_shards},
                             {"pytorch_model.bin", open_torch},
                             {"pytorch_model.bin.index.json", open_torch_shards}};
  for (const Form& form : kForms) {
    if (is_there(directory / form.file)) return form.open(directory / form.file);
  }
  if (const auto noted = noted_prefix(directory)) return open_tensorflow(*noted);
  const std::vector<fs::path> prefixes = prefixes_in(directory);
  if (prefixes.size() == 1) return open_tensorflow(prefixes.front());
  if (prefixes.empty()) {
    throw Error(ErrorCode::kNotFound,
                directory.string() + ": expected model.safetensors, pytorch_model.bin (or the " +
                    "index.json of either) or a TensorFlow checkpoint (*.index), found none");
  }
  throw Error(ErrorCode::kInvalidArgument,
              directory.string() + ": expected one TensorFlow checkpoint, found " +
                  std::to_string(prefixes.size()) + ": give the prefix of one, e.g. " +
                  prefixes.back().string());
}

[[noreturn]] void refuse(const fs::path& path, const std::string& found) {
  throw Error(ErrorCode::kUnsupported, path.string() + ": expected safetensors, an archive of " +
                                           "torch.save or a TensorFlow checkpoint, found " + found);
}

// Any part of a TensorFlow checkpoint stands for the whole.
std::optional<fs::path> prefix_of(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const std::string_view part :
       {kIndex, std::string_view(".meta"), std::string_view(".data-")}) {
    const std::size_t at = name.rfind(part);
    if (at == std::string::npos || at == 0) continue;
    const fs::path prefix = folder_of(file) / name.substr(0, at);
    if (is_there(prefix.string() + std::string(kIndex))) return prefix;
  }
  return std::nullopt;
}

CheckpointSource open_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".safetensors")) return open_safetensors(path);
  if (name.ends_with(".safetensors.index.json")) return open_safetensors_shards(path);
  if (name.ends_with(".bin.index.json")) return open_torch_shards(path);
  if (const auto prefix = prefix_of(path)) return open_tensorflow(*prefix);
  const auto file = MappedFile::open(path);
  refuse_stand_in(file->bytes(), path.string());
  if (is_zip(file->bytes())) return open_torch(path);
  if (is_legacy_torch_file(file->bytes())) return open_torch(path);  // which refuses it
  if (is_table(file->bytes())) {
    refuse(path, "one of the first version (V1): restore it with tf.train.Saver and save it again");
  }
  refuse(path, "a file of another kind");
}

CheckpointSource open_any(const fs::path& from) {
  if (is_folder(from)) return open_directory(from);
  if (is_there(from)) return open_file(from);
  if (is_there(from.string() + std::string(kIndex))) return open_tensorflow(from);
  throw Error(ErrorCode::kNotFound,
              from.string() + ": expected a directory, a file or the prefix of a TensorFlow " +
                  "checkpoint, found none");
}

}  // namespace

CheckpointSource open_checkpoint_source(const fs::path& from) {
  CheckpointSource source = open_any(from);
  if (source.kind == SourceKind::kSafetensors) join_scales(source.tensors);
  return source;
}

std::string describe(const CheckpointSource& source) {
  switch (source.kind) {
    case SourceKind::kSafetensors:
      return "safetensors " + source.path.string();
    case SourceKind::kTorch:
      return "torch.save's " + source.path.string();
    case SourceKind::kTensorflow:
      return "TensorFlow checkpoint " + source.path.string();
  }
  return source.path.string();
}

}  // namespace deformer
