#include "train/task_head.h"

#include <ATen/ATen.h>

#include <utility>

#include "train/losses.h"
#include "train/training_pass.h"

namespace deformer {
namespace {

class SpanTaskHead final : public TaskHead {
 public:
  explicit SpanTaskHead(std::unique_ptr<const SpanHead> head) : head_(std::move(head)) {}

  [[nodiscard]] JointRows rows() const override { return JointRows::kPassageAndCls; }

  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden, const PassBatch& batch,
                                  const ForwardOptions& /*options*/) const override {
    std::vector<std::int64_t> offsets{0};
    for (const SegmentPair& pair : batch.pairs) {
      const auto window_rows =
          std::ssize(batch.windows[static_cast<std::size_t>(pair.passage)].ids);
      offsets.push_back(offsets.back() + window_rows + 1);
    }
    const Candidates candidates =
        make_candidates(offsets, batch.passage_tokens, batch.no_answer, hidden.device());
    return candidate_logits(head_->logits(hidden), candidates);
  }

  void append_parameters(std::vector<Parameter>& parameters) const override {
    head_->append_parameters(parameters);
  }

 private:
  std::unique_ptr<const SpanHead> head_;
};

class PooledTaskHead final : public TaskHead {
 public:
  explicit PooledTaskHead(std::unique_ptr<const PooledHead> head) : head_(std::move(head)) {}

  [[nodiscard]] JointRows rows() const override { return JointRows::kCls; }

  // [pairs, classes] and [examples * choices, 1] alike.
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden, const PassBatch& batch,
                                  const ForwardOptions& options) const override {
    const std::int64_t examples = std::ssize(batch.targets.front());
    return head_->logits(hidden, options).to(at::kFloat).view({1, examples, -1});
  }

  void append_parameters(std::vector<Parameter>& parameters) const override {
    head_->append_parameters(parameters);
  }

 private:
  std::unique_ptr<const PooledHead> head_;
};

}  // namespace

std::unique_ptr<const TaskHead> make_span_task_head(std::unique_ptr<const SpanHead> head) {
  return std::make_unique<const SpanTaskHead>(std::move(head));
}

std::unique_ptr<const TaskHead> make_pooled_task_head(std::unique_ptr<const PooledHead> head) {
  return std::make_unique<const PooledTaskHead>(std::move(head));
}

}  // namespace deformer
