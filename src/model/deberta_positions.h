// DeBERTa's table of positions, and the keys and queries that each layer makes of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/deberta_buckets.h"
#include "model/encoder_parts.h"
#include "model/weights.h"
#include "nn/layer_norm.h"
#include "nn/relative_attention.h"

namespace deformer {

/// What a layer makes of the table: [rows of the table, hidden] each.
struct PositionRows {
  at::Tensor query;
  at::Tensor key;
};

/// A layer's projections of the table's rows [rows, hidden].
using ProjectPositions = std::function<PositionRows(std::size_t layer, const at::Tensor& rows)>;

/// Holds the table, makes each layer's distances of it and, for weights that cannot change, keeps
/// these: they depend on the weights and on the longest distance alone. Safe for concurrent calls.
class DebertaPositions {
 public:
  /// The scope is the encoder's ("deberta.encoder").
  DebertaPositions(const ModelConfig& config, const WeightScope& scope);

  /// The distances of a range of layers; their reach is at least `reach`. `project` is the same in
  /// every call. Computed anew, so that gradients flow, unless the weights are inference tensors
  /// and nothing is dropped.
  [[nodiscard]] std::vector<nn::DistanceTable> tables(const ProjectPositions& project,
                                                      const LayerRange& layers, std::int64_t reach,
                                                      const ForwardOptions& options);

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  [[nodiscard]] std::vector<nn::DistanceTable> make(const ProjectPositions& project,
                                                    const LayerRange& layers, std::int64_t reach,
                                                    const ForwardOptions& options) const;

  std::string name_;
  std::size_t num_layers_;
  std::int64_t num_heads_;
  double scale_;
  DistanceBuckets buckets_;
  at::Tensor table_;  // [rows, hidden]
  std::optional<nn::LayerNorm> norm_;
  std::mutex mutex_;
  std::vector<nn::DistanceTable> kept_;
};

/// Of the scores of contents, distances against keys and distances against queries, which are
/// added.
[[nodiscard]] double deberta_scale(const ModelConfig& config);

}  // namespace deformer
