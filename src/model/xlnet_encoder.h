// XLNet's encoder (Yang et al., 2019), content stream only, split into lower and upper layers (Cao
// et al., 2020).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/joint.h"
#include "model/split_encoder.h"
#include "model/weights.h"
#include "model/xlnet_distances.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "nn/relative_attention.h"

namespace deformer {

/// The three biases of attention, [heads, head size] each: r_w, r_r and r_s.
struct XlnetBiases {
  at::Tensor content;
  at::Tensor position;
  at::Tensor segment;

  [[nodiscard]] static XlnetBiases take(const XlnetSizes& sizes, const WeightScope& scope);
};

/// The attention inputs of some rows, [rows, hidden] each.
struct XlnetProjection {
  at::Tensor query;  ///< the bias of the contents added
  at::Tensor key;
  at::Tensor value;

  [[nodiscard]] XlnetProjection take(const RowIndex& rows) const;
  [[nodiscard]] at::Tensor packed() const;  // [rows, 3 * hidden]
  [[nodiscard]] static XlnetProjection unpack(const at::Tensor& packed);
};

/// What the rows of a forward pass are. `queries` are the rows whose output is wanted, `selected`
/// picks them; null where they are all rows.
struct XlnetRows {
  std::vector<nn::PositionRuns> keys;
  std::vector<nn::PositionRuns> queries;
  const RowIndex* selected = nullptr;
};

/// One post-norm transformer layer with relative positions over packed sequences.
class XlnetLayer {
 public:
  /// `biases`: those that all layers share; null where each layer has its own.
  XlnetLayer(const ModelConfig& config, const WeightScope& scope, const XlnetBiases* biases);

  /// Depends on the row alone, so it may run before rows of different segments are brought
  /// together.
  [[nodiscard]] XlnetProjection project(const at::Tensor& hidden) const;

  /// `hidden` [rows, hidden] and `projected` = project(hidden). Returns [query rows, hidden].
  [[nodiscard]] at::Tensor forward(const at::Tensor& hidden, const XlnetProjection& projected,
                                   const XlnetRows& rows, const nn::DistanceTable& distances,
                                   const ForwardOptions& options) const;

  /// The weight [hidden, heads, head size] that makes keys of distances.
  [[nodiscard]] const at::Tensor& distance_weight() const { return relative_; }

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  [[nodiscard]] at::Tensor other_segment(const at::Tensor& query) const;

  std::string name_;
  bool shares_biases_;
  Activation activation_;
  XlnetBiases biases_;
  nn::Linear query_;  // weight [hidden, heads, head size], as are the next four; with its bias
  nn::Linear key_;    // the content's score is whole
  nn::Linear value_;
  nn::Linear output_;
  at::Tensor relative_;
  at::Tensor segments_;  // [2, heads, head size]: of a key of the same segment, of another one
  nn::LayerNorm attention_norm_;
  nn::Linear expand_;
  nn::Linear contract_;
  nn::LayerNorm output_norm_;
};

class XlnetEncoder final : public SplitEncoder {
 public:
  /// Takes `word_embedding.weight`, `layer.*` and, where all layers share them, `r_w_bias`,
  /// `r_r_bias` and `r_s_bias` from the scope.
  XlnetEncoder(const ModelConfig& config, const WeightScope& scope);

  [[nodiscard]] Encoding lower(std::span<const Segment> segments,
                               const ForwardOptions& options) const override;
  [[nodiscard]] at::Tensor project(const at::Tensor& hidden) const override;
  [[nodiscard]] Encoding upper(const Encoding& questions, const Encoding& passages,
                               std::span<const SegmentPair> pairs, JointRows rows,
                               const ForwardOptions& options) const override;
  [[nodiscard]] std::vector<Parameter> parameters() const override;

 private:
  [[nodiscard]] std::unique_ptr<SplitEncoder> share() const override {
    return std::make_unique<XlnetEncoder>(*this);
  }
  void use_lengths(const SplitConfig& split) override;
  [[nodiscard]] at::Tensor embed(std::span<const Segment> segments,
                                 const ForwardOptions& options) const;
  [[nodiscard]] std::vector<nn::DistanceTable> distances(const XlnetRows& rows,
                                                         const LayerRange& layers,
                                                         const ForwardOptions& options) const;
  [[nodiscard]] nn::PositionRuns second_runs(std::int64_t length, std::int64_t position) const;
  [[nodiscard]] nn::PositionRuns joint_runs(std::int64_t question, std::int64_t passage) const;
  [[nodiscard]] nn::PositionRuns selected_runs(const nn::PositionRuns& joint, JointRows rows) const;
  void require_slot(std::int64_t first_rows) const;

  std::string name_;
  Layout layout_;
  std::int64_t first_slot_;  // rows that layout `slots` gives the first segment
  at::Tensor word_;          // [vocab, hidden]
  bool shares_biases_;
  XlnetBiases biases_;  // undefined unless shared
  std::vector<XlnetLayer> layers_;
  std::shared_ptr<XlnetDistances> distances_;
};

}  // namespace deformer
