// Multi-head attention over packed sequences.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace deformer::nn {

/// Rows of several sequences, one after the other: sequence i owns rows [offsets[i], offsets[i +
/// 1]).
using Offsets = std::span<const std::int64_t>;

/// Where sequences lie in packed rows, as attention on a device wants to know it: made once for all
/// layers.
class Sequences {
 public:
  /// `offsets` has [sequences + 1] entries and outlives the object.
  Sequences(Offsets offsets, const at::Device& device);

  [[nodiscard]] Offsets offsets() const noexcept { return offsets_; }
  /// Rows of the longest one.
  [[nodiscard]] std::int64_t longest() const noexcept { return longest_; }
  /// The offsets as int32 on a GPU; undefined on a CPU.
  [[nodiscard]] const at::Tensor& on_device() const noexcept { return on_device_; }

 private:
  Offsets offsets_;
  std::int64_t longest_ = 0;
  at::Tensor on_device_;
};

/// Scaled dot-product attention inside each sequence: its queries see all of its keys, nothing
/// else. query [query_rows, hidden]; key, value [key_rows, hidden]. hidden = num_heads * head size;
/// heads lie one after the other in a row. Returns [query_rows, hidden]. There are as many query
/// sequences as key sequences, and every one has at least one key.
[[nodiscard]] at::Tensor attend(const at::Tensor& query, const at::Tensor& key,
                                const at::Tensor& value, const Sequences& queries,
                                const Sequences& keys, std::int64_t num_heads);

}  // namespace deformer::nn
