// The span head: start and end logit of each row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "deformer/encoder.h"
#include "model/weights.h"
#include "nn/linear.h"

namespace deformer {

/// Dense(hidden -> 2), column 0 = start, 1 = end (`qa_outputs` of Hugging Face). Immutable, safe
/// for concurrent calls.
class SpanHead {
 public:
  /// The scope of these weights in a checkpoint.
  static constexpr const char* kName = "qa_outputs";

  SpanHead(std::int64_t hidden_size, const WeightScope& scope);
  /// weight [2, hidden], bias [2]
  SpanHead(at::Tensor weight, at::Tensor bias);

  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const;  // [rows, hidden] -> [rows, 2]

  void append_parameters(std::vector<Parameter>& parameters) const;

 private:
  nn::Linear linear_;
};

}  // namespace deformer
