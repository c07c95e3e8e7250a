#include "train/task_logits.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "train/losses.h"
#include "train/training_pass.h"

namespace deformer {
namespace {

at::Tensor span_logits(const at::Tensor& logits, const PassBatch& batch) {
  std::vector<std::int64_t> offsets{0};
  for (const SegmentPair& pair : batch.pairs) {
    const auto window_rows = std::ssize(batch.windows[static_cast<std::size_t>(pair.passage)].ids);
    offsets.push_back(offsets.back() + window_rows + 1);
  }
  const Candidates candidates =
      make_candidates(offsets, batch.passage_tokens, batch.no_answer, logits.device());
  return candidate_logits(logits, candidates);
}

// [pairs, classes] and [examples * choices, 1] alike.
at::Tensor pooled_logits(const at::Tensor& logits, const PassBatch& batch) {
  const std::int64_t examples = std::ssize(batch.targets.front());
  return logits.to(at::kFloat).view({1, examples, -1});
}

}  // namespace

at::Tensor task_logits(const Head& head, const at::Tensor& hidden, const PassBatch& batch,
                       const ForwardOptions& options) {
  const at::Tensor logits = head.logits(hidden, options);
  return head.rows() == JointRows::kCls ? pooled_logits(logits, batch) : span_logits(logits, batch);
}

}  // namespace deformer
