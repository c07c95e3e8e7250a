// The span head: start and end logit of each row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "deformer/encoder.h"
#include "model/head.h"
#include "model/weights.h"
#include "nn/linear.h"

namespace deformer {

/// Dense(hidden -> 2), column 0 = start, 1 = end (`qa_outputs` of Hugging Face). Immutable, safe
/// for concurrent calls.
class SpanHead final : public Head {
 public:
  /// The scope of these weights in a checkpoint.
  static constexpr const char* kName = "qa_outputs";

  SpanHead(std::int64_t hidden_size, const WeightScope& scope);
  /// weight [2, hidden], bias [2]
  SpanHead(at::Tensor weight, at::Tensor bias);

  /// The passage, where answers are, and [CLS], which stands for none.
  [[nodiscard]] JointRows rows() const override { return JointRows::kPassageAndCls; }
  [[nodiscard]] std::int64_t outputs() const override { return 2; }
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden,
                                  const ForwardOptions& options = {}) const override;
  void append_parameters(std::vector<Parameter>& parameters) const override;

 private:
  nn::Linear linear_;
};

}  // namespace deformer
