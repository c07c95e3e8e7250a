// What reads a kind of answer off the encoder's rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "deformer/encoder.h"

namespace deformer {

/// A few logits of each row that it reads. Immutable, safe for concurrent calls.
class Head {
 public:
  virtual ~Head() = default;

  /// The rows of a pair that it reads.
  [[nodiscard]] virtual JointRows rows() const = 0;

  /// Logits a row.
  [[nodiscard]] virtual std::int64_t outputs() const = 0;

  /// [rows, hidden] -> [rows, outputs], fp32. `options` is that of the encoder's pass: its dropout
  /// and generator apply here too.
  [[nodiscard]] virtual at::Tensor logits(const at::Tensor& hidden,
                                          const ForwardOptions& options = {}) const = 0;

  virtual void append_parameters(std::vector<Parameter>& parameters) const = 0;
};

}  // namespace deformer
