// What a task reads off the encoder, in the form that its losses need.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "deformer/encoder.h"
#include "model/pooled_head.h"
#include "model/span_head.h"

namespace deformer {

struct PassBatch;

/// A head with its task: which rows it reads, and what competes. Immutable, safe for concurrent
/// calls.
class TaskHead {
 public:
  virtual ~TaskHead() = default;

  [[nodiscard]] virtual JointRows rows() const = 0;

  /// Logits [choices, examples, candidates] of a batch, from the rows that rows() names, pair by
  /// pair: [rows, hidden]. A choice is what one softmax decides (a span has two: first and last
  /// token). `options` is that of the encoder's pass: its dropout and generator apply here too.
  [[nodiscard]] virtual at::Tensor logits(const at::Tensor& hidden, const PassBatch& batch,
                                          const ForwardOptions& options) const = 0;

  virtual void append_parameters(std::vector<Parameter>& parameters) const = 0;
};

/// First and last token of the answer; candidates are the tokens of the pair's window, and [CLS]
/// where the batch has pairs without an answer.
[[nodiscard]] std::unique_ptr<const TaskHead> make_span_task_head(
    std::unique_ptr<const SpanHead> head);

/// The class of a pair, or which choice of an example is right: one softmax over the classes of a
/// pair, or over the choices that stand together.
[[nodiscard]] std::unique_ptr<const TaskHead> make_pooled_task_head(
    std::unique_ptr<const PooledHead> head);

}  // namespace deformer
