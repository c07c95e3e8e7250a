// The head of tasks that judge a pair as a whole: one vector of the pair, then a few logits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "architecture/architecture.h"
#include "deformer/encoder.h"
#include "model/head.h"
#include "model/weights.h"
#include "nn/linear.h"

namespace deformer {

/// Dense(hidden -> hidden) with an activation, BERT's tanh (the pooler), dropout in training,
/// Dense(hidden -> outputs): one output a class, or a single one that rates a choice. Reads the row
/// of the class token (JointRows::kCls), as BertForSequenceClassification, BertForMultipleChoice
/// and their XLNet counterparts do. Immutable, safe for concurrent calls.
class PooledHead final : public Head {
 public:
  PooledHead(std::int64_t hidden_size, std::int64_t outputs, PooledHeadForm form,
             WeightLoader& weights);
  /// pooler [hidden, hidden], output [outputs, hidden], each with its bias.
  PooledHead(nn::Linear pooler, nn::Linear output, PooledHeadForm form);

  [[nodiscard]] JointRows rows() const override { return JointRows::kCls; }
  [[nodiscard]] std::int64_t outputs() const override { return output_.out_features(); }
  /// [pairs, hidden] -> [pairs, outputs]. `options`: the dropout of training, between the two
  /// layers (0.1 in Hugging Face's classes and in the original).
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden,
                                  const ForwardOptions& options = {}) const override;
  void append_parameters(std::vector<Parameter>& parameters) const override;

 private:
  [[nodiscard]] at::Tensor pool(const at::Tensor& cls) const;  // [pairs, hidden] -> the same

  PooledHeadForm form_;
  nn::Linear pooler_;
  nn::Linear output_;
};

}  // namespace deformer
