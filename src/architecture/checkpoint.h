// The weights of a model directory under their canonical names. Free of LibTorch.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "format/safetensors.h"

namespace deformer {

struct Architecture;

/// Hugging Face's present-day name of a tensor: `LayerNorm.gamma` and `.beta` become `.weight` and
/// `.bias`; what was saved from a bare model gets its missing `bert.`, `transformer.` or `mpnet.`,
/// from a wrapped one (DataParallel, torch.compile) loses its `module.` or `_orig_mod.`.
[[nodiscard]] std::string canonical_name(std::string_view stored_name,
                                         const Architecture& architecture);

/// True for what ordinary checkpoints carry beside the encoder and no model needs: position-id
/// buffers, pretraining and classification heads, the pooler, XLNet's mask embedding. Such a tensor
/// may still be taken.
[[nodiscard]] bool is_commonly_unused(std::string_view canonical_name,
                                      const Architecture& architecture);

/// One tensor of one file. `owner` keeps the bytes alive.
struct StoredTensor {
  TensorView view;  ///< view.name is the name in the file
  std::shared_ptr<const void> owner;
};

/// All tensors of model.safetensors, or of the shards that model.safetensors.index.json names.
/// Mapped, not copied. Immutable, safe for concurrent calls.
class Checkpoint {
 public:
  using Tensors = std::map<std::string, StoredTensor, std::less<>>;

  /// model.safetensors wins when both are there. Throws kNotFound when neither is (or a shard is
  /// absent), kCorrupt for a malformed file, kIncompatible when index and shards disagree or two
  /// tensors have one canonical name (both spellings are named).
  [[nodiscard]] static Checkpoint open(const std::filesystem::path& model_dir,
                                       const Architecture& architecture);

  /// The same under the names that are stored: for what does not depend on the model.
  [[nodiscard]] static Checkpoint open_as_stored(const std::filesystem::path& model_dir);

  /// The same tensors as those of a model whose layer n is this one's layer `layers[n]`: some left
  /// out, some there several times. No bytes are copied.
  [[nodiscard]] Checkpoint with_layers(std::span<const int> layers) const;

  /// model.safetensors or the index: what messages name.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Whose names these are; not for names as they are stored.
  [[nodiscard]] const Architecture& architecture() const noexcept { return *architecture_; }
  /// By canonical name.
  [[nodiscard]] const Tensors& tensors() const noexcept { return tensors_; }
  /// Null when absent.
  [[nodiscard]] const StoredTensor* find(std::string_view name) const;

  /// The scales of a tensor that is kept in 8 bits (int8_tensor.h), whose name is `name`. Null
  /// where it is kept otherwise, or they are absent.
  [[nodiscard]] const StoredTensor* scale_of(const StoredTensor& tensor,
                                             std::string_view name) const;

  /// Whether all tensors of floating-point numbers are of this type.
  [[nodiscard]] bool is_stored_in(Dtype dtype) const;

  /// Whether matrices are kept in 8 bits (int8_tensor.h).
  [[nodiscard]] bool is_stored_in_int8() const;

  /// Adds canonical name, dtype, shape and bytes of each named tensor, in the given order. Equal
  /// for one checkpoint in any spelling and sharding. Reads every byte. Throws kIncompatible when a
  /// name is absent.
  void hash_into(Hasher& hasher, std::span<const std::string> names) const;

 private:
  Checkpoint(std::filesystem::path path, const Architecture* architecture)
      : path_(std::move(path)), architecture_(architecture) {}

  [[nodiscard]] static Checkpoint open(const std::filesystem::path& model_dir,
                                       const Architecture* architecture);

  void add(const SafetensorsFile& file);

  std::filesystem::path path_;
  const Architecture* architecture_;  // null: names as they are stored
  Tensors tensors_;
};

}  // namespace deformer
