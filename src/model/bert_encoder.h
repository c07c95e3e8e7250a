// BERT's encoder (Devlin et al., 2019) and that of its relatives with the same layers, split into
// lower and upper layers (Cao et al., 2020).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "architecture/bert_names.h"
#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/joint.h"
#include "model/split_encoder.h"
#include "model/weights.h"
#include "nn/attention.h"
#include "nn/distance_bias.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"

namespace deformer {

/// Word embeddings, and those of positions and token types where the model has them, summed and
/// normalised.
class BertEmbeddings {
 public:
  BertEmbeddings(const ModelConfig& config, const BertNames& names, const WeightScope& scope);

  /// Throws kInvalidArgument for an id, position or type outside its table.
  [[nodiscard]] at::Tensor forward(std::span<const Segment> segments,
                                   const ForwardOptions& options) const;  // [tokens, hidden]

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  std::string name_;
  at::Tensor word_;  // [vocab, hidden]
  const char* position_name_;
  at::Tensor position_;  // [positions, hidden]; undefined: none
  const char* type_name_;
  at::Tensor type_;  // [types, hidden]; undefined: none
  nn::LayerNorm norm_;
};

/// What the rows of a pass belong to, and which of them a layer computes.
struct BertRows {
  const nn::Sequences* sequences;      ///< of all rows: what is attended to
  const nn::Sequences* queries;        ///< of the rows that are computed
  const RowIndex* selected;            ///< picks these; null: all rows
  std::span<const at::Tensor> biases;  ///< of attention, by sequence; empty: none
};

/// One post-norm transformer layer over packed sequences.
class BertLayer {
 public:
  BertLayer(const ModelConfig& config, const BertNames& names, const WeightScope& scope);

  /// The three attention inputs in one product: [rows, hidden] -> [rows, 3 * hidden], query | key |
  /// value. Depends on the row alone, so it may run before rows of different segments are brought
  /// together.
  [[nodiscard]] at::Tensor project(const at::Tensor& hidden) const;

  /// `hidden` [rows, hidden] and `projected` = project(hidden). Returns [computed rows, hidden].
  [[nodiscard]] at::Tensor forward(const at::Tensor& hidden, const at::Tensor& projected,
                                   const BertRows& rows, const ForwardOptions& options) const;

  /// What follows attention: `context` [computed rows, hidden] is its result, `residual` the states
  /// of these rows.
  [[nodiscard]] at::Tensor finish(const at::Tensor& context, const at::Tensor& residual,
                                  const ForwardOptions& options) const;

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  std::string name_;
  BertNames names_;
  std::int64_t num_heads_;
  Activation activation_;
  nn::Linear query_key_value_;
  nn::Linear attention_output_;
  nn::LayerNorm attention_norm_;
  nn::Linear intermediate_;
  nn::Linear output_;
  nn::LayerNorm output_norm_;
};

class BertEncoder final : public SplitEncoder {
 public:
  /// Takes the embeddings, the layers and what else `names` has from the scope.
  BertEncoder(const ModelConfig& config, const BertNames& names, const WeightScope& scope);

  [[nodiscard]] Encoding lower(std::span<const Segment> segments,
                               const ForwardOptions& options) const override;
  [[nodiscard]] at::Tensor project(const at::Tensor& hidden) const override;
  [[nodiscard]] Encoding upper(const Encoding& questions, const Encoding& passages,
                               std::span<const SegmentPair> pairs, JointRows rows,
                               const ForwardOptions& options) const override;
  [[nodiscard]] std::vector<Parameter> parameters() const override;

 private:
  [[nodiscard]] std::unique_ptr<SplitEncoder> share() const override {
    return std::make_unique<BertEncoder>(*this);
  }
  [[nodiscard]] const BertLayer& first_upper() const {
    return layers_[static_cast<std::size_t>(split_layer())];
  }
  [[nodiscard]] std::vector<at::Tensor> biases(nn::Offsets offsets) const;

  bool shares_layers_;
  BertEmbeddings embeddings_;
  std::optional<nn::Linear> embedding_projection_;
  std::string embedding_projection_name_;
  std::vector<BertLayer> layers_;
  std::string distance_bias_name_;
  std::shared_ptr<const nn::DistanceBias> distance_bias_;  // null: none
};

}  // namespace deformer
