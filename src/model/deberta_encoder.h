// DeBERTa's encoder, versions 2 and 3 (He et al., 2021), split into lower and upper layers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/bert_encoder.h"
#include "model/deberta_positions.h"
#include "model/joint.h"
#include "model/split_encoder.h"
#include "model/weights.h"
#include "nn/linear.h"
#include "nn/relative_attention.h"

namespace deformer {

/// What the rows of a pass belong to, and which of them a layer computes.
struct DebertaRows {
  std::vector<nn::PositionRuns> keys;     ///< of all rows, by sequence
  std::vector<nn::PositionRuns> queries;  ///< of the rows that are computed
  const RowIndex* selected = nullptr;     ///< picks these; null: all rows
};

/// BERT's layer with attention to contents and distances.
class DebertaLayer {
 public:
  DebertaLayer(const ModelConfig& config, const WeightScope& scope);

  /// [rows, hidden] -> [rows, 3 * hidden], query | key | value.
  [[nodiscard]] at::Tensor project(const at::Tensor& hidden) const { return bert_.project(hidden); }

  /// Of the rows of the table of positions.
  [[nodiscard]] PositionRows project_positions(const at::Tensor& rows) const;

  /// `hidden` [rows, hidden] and `projected` = project(hidden). Returns [computed rows, hidden].
  [[nodiscard]] at::Tensor forward(const at::Tensor& hidden, const at::Tensor& projected,
                                   const DebertaRows& rows, const nn::DistanceTable& distances,
                                   const ForwardOptions& options) const;

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  std::string name_;
  double scale_;
  BertLayer bert_;
  // Absent: positions share the projections of the contents.
  std::optional<nn::Linear> position_query_;
  std::optional<nn::Linear> position_key_;
};

/// What published v2 models have beside the first layer: a convolution over its input, whose
/// result is added to its output and normalised.
class DebertaConvolution {
 public:
  DebertaConvolution(const ModelConfig& config, const WeightScope& scope);

  /// `input` [rows, hidden] of the first layer and what it made of them, `output` [computed rows,
  /// hidden]. Rows of other sequences count as zeros.
  [[nodiscard]] at::Tensor forward(const at::Tensor& input, const at::Tensor& output,
                                   const DebertaRows& rows, const ForwardOptions& options) const;

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  std::string name_;
  at::Tensor weight_;  // [hidden, hidden, rows]
  at::Tensor bias_;    // [hidden]
  nn::LayerNorm norm_;
};

class DebertaEncoder final : public SplitEncoder {
 public:
  DebertaEncoder(const ModelConfig& config, const WeightScope& scope);

  [[nodiscard]] Encoding lower(std::span<const Segment> segments,
                               const ForwardOptions& options) const override;
  [[nodiscard]] at::Tensor project(const at::Tensor& hidden) const override;
  [[nodiscard]] Encoding upper(const Encoding& questions, const Encoding& passages,
                               std::span<const SegmentPair> pairs, JointRows rows,
                               const ForwardOptions& options) const override;
  [[nodiscard]] std::vector<Parameter> parameters() const override;

 private:
  [[nodiscard]] std::unique_ptr<SplitEncoder> share() const override {
    return std::make_unique<DebertaEncoder>(*this);
  }
  [[nodiscard]] std::vector<nn::DistanceTable> tables(const DebertaRows& rows,
                                                      const LayerRange& layers,
                                                      const ForwardOptions& options) const;
  /// What the convolution makes of the first layer's output; that of others stays.
  [[nodiscard]] at::Tensor convolve(std::size_t layer, const at::Tensor& input,
                                    const at::Tensor& output, const DebertaRows& rows,
                                    const ForwardOptions& options) const;

  BertEmbeddings embeddings_;
  std::shared_ptr<DebertaPositions> positions_;
  std::vector<DebertaLayer> layers_;
  std::optional<DebertaConvolution> convolution_;
};

}  // namespace deformer
