// What the encoders of all architectures have in common: a split of their layers, and the order of
// a joint sequence.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "model/joint.h"

namespace deformer {

class SplitEncoder : public Encoder {
 public:
  [[nodiscard]] std::vector<std::int64_t> joint_rows(const Encoding& questions,
                                                     const Encoding& passages,
                                                     std::span<const SegmentPair> pairs,
                                                     JointRows rows) const final;
  [[nodiscard]] std::unique_ptr<const Encoder> with_split_layer(
      std::int64_t split_layer) const final;
  [[nodiscard]] std::unique_ptr<const Encoder> with_split(const SplitConfig& split) const final;

 protected:
  /// `cls_last`: see JointOrder.
  SplitEncoder(const ModelConfig& config, bool cls_last);
  SplitEncoder(const SplitEncoder&) = default;

  /// States of the joint rows and what project() makes of them.
  struct JoinedRows {
    at::Tensor hidden;
    at::Tensor projected;
  };
  /// Projected per segment, or taken from `passages.projections`, and gathered per pair.
  [[nodiscard]] JoinedRows join_projected(const Encoding& questions, const Encoding& passages,
                                          std::span<const SegmentPair> pairs,
                                          const JointPlan& plan) const;

  [[nodiscard]] std::int64_t split_layer() const noexcept { return split_layer_; }
  [[nodiscard]] const JointOrder& order() const noexcept { return order_; }

 private:
  /// The same weights, shared and not copied.
  [[nodiscard]] virtual std::unique_ptr<SplitEncoder> share() const = 0;
  virtual void use_lengths(const SplitConfig& /*split*/) {}
  [[nodiscard]] std::unique_ptr<SplitEncoder> share_at(std::int64_t split_layer) const;

  std::int64_t num_layers_;
  std::int64_t split_layer_;
  JointOrder order_;
};

}  // namespace deformer
