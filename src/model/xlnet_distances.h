// XLNet's table of distances: sinusoids, and the key that each layer makes of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/encoder_parts.h"
#include "nn/relative_attention.h"

namespace deformer {

struct XlnetSizes {
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t head = 0;

  explicit XlnetSizes(const ModelConfig& config)
      : hidden(config.hidden_size), heads(config.num_attention_heads), head(config.head_size()) {}
};

/// Makes the tables and, for weights that cannot change, keeps them: a table depends on the weights
/// and on the longest distance alone. Safe for concurrent calls.
class XlnetDistances {
 public:
  explicit XlnetDistances(const XlnetSizes& sizes) : sizes_(sizes) {}

  /// The tables of a range of layers; their reach is at least `reach`. `weights` [hidden, heads,
  /// head size] are those of all layers, the same in every call. Computed anew, so that gradients
  /// flow, unless the weights are inference tensors and nothing is dropped.
  [[nodiscard]] std::vector<nn::DistanceTable> tables(std::span<const at::Tensor> weights,
                                                      const LayerRange& layers, std::int64_t reach,
                                                      const ForwardOptions& options);

 private:
  [[nodiscard]] std::vector<nn::DistanceTable> make(std::span<const at::Tensor> weights,
                                                    std::int64_t reach,
                                                    const ForwardOptions& options) const;

  XlnetSizes sizes_;
  std::mutex mutex_;
  std::vector<nn::DistanceTable> kept_;
};

/// Row r belongs to distance p = reach - r: sin(p w) and then cos(p w) of the frequencies w =
/// 10000^(-2m / hidden), m = 0 ... hidden / 2 - 1.
[[nodiscard]] at::Tensor make_sinusoids(std::int64_t reach,
                                        std::int64_t hidden);  // [2 * reach + 1, hidden]

}  // namespace deformer
