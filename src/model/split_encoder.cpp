#include "model/split_encoder.h"

#include <ATen/ATen.h>

#include <string>

#include "deformer/error.h"

namespace deformer {

SplitEncoder::SplitEncoder(const ModelConfig& config, bool cls_last)
    : num_layers_(config.num_hidden_layers),
      split_layer_(config.split.split_layer),
      order_{.passage_first = passage_place(config) == PassagePlace::kFirst, .cls_last = cls_last} {
}

std::vector<std::int64_t> SplitEncoder::joint_rows(const Encoding& questions,
                                                   const Encoding& passages,
                                                   std::span<const SegmentPair> pairs,
                                                   JointRows rows) const {
  return select_rows(questions, passages, pairs, order_, rows).rows;
}

std::unique_ptr<const Encoder> SplitEncoder::with_split_layer(std::int64_t split_layer) const {
  return share_at(split_layer);
}

std::unique_ptr<const Encoder> SplitEncoder::with_split(const SplitConfig& split) const {
  std::unique_ptr<SplitEncoder> encoder = share_at(split.split_layer);
  encoder->use_lengths(split);
  return encoder;
}

std::unique_ptr<SplitEncoder> SplitEncoder::share_at(std::int64_t split_layer) const {
  if (split_layer < 0 || split_layer >= num_layers_) {
    throw Error(ErrorCode::kInvalidArgument, "split_layer: expected 0 to " +
                                                 std::to_string(num_layers_ - 1) + ", found " +
                                                 std::to_string(split_layer));
  }
  std::unique_ptr<SplitEncoder> encoder = share();
  encoder->split_layer_ = split_layer;
  return encoder;
}

SplitEncoder::JoinedRows SplitEncoder::join_projected(const Encoding& questions,
                                                      const Encoding& passages,
                                                      std::span<const SegmentPair> pairs,
                                                      const JointPlan& plan) const {
  if (passages.projections.defined()) {
    const PairJoin pair_join(questions, passages, pairs, order_);
    return {pair_join.join(questions.hidden, passages.hidden),
            pair_join.join(project(questions.hidden), passages.projections)};
  }
  const at::Tensor segments = join_segments(questions, passages, order_);
  const RowIndex joint(plan.rows, questions.hidden.device());
  return {joint.take(segments), joint.take(project(segments))};
}

}  // namespace deformer
