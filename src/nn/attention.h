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

/// Rows of all sequences, one after the other; hidden = heads * head size, heads one after the
/// other in a row.
struct AttentionInputs {
  at::Tensor query;  ///< [query rows, hidden]
  at::Tensor key;    ///< [key rows, hidden]
  at::Tensor value;  ///< [key rows, hidden]
};

/// Scaled dot-product attention inside each sequence: its queries see all of its keys, nothing
/// else. `biases`: what is added to the scores before the softmax, for each sequence [1, heads,
/// query rows, key rows] fp32; empty for nothing. Where one wants a gradient, attention takes an
/// unfused way and several times as long. Returns [query rows, hidden]. There are as many query
/// sequences as key sequences, and every one has at least one key.
[[nodiscard]] at::Tensor attend(const AttentionInputs& inputs, const Sequences& queries,
                                const Sequences& keys, std::int64_t num_heads,
                                std::span<const at::Tensor> biases = {});

}  // namespace deformer::nn
