// What a model's head gives, in the form that the losses need.
#pragma once

#include <ATen/core/Tensor.h>

#include "deformer/encoder.h"
#include "model/head.h"

namespace deformer {

struct PassBatch;

/// Logits [choices, examples, candidates] of a batch, from the rows that head.rows() names, pair by
/// pair: [rows, hidden]. A choice is what one softmax decides.
///   spans     two, first and last token; candidates are the tokens of the pair's window, and [CLS]
///             where the batch has pairs without an answer
///   pooled    one, over the classes of a pair, or over the choices that stand together
/// `options` is that of the encoder's pass: its dropout and generator apply here too.
[[nodiscard]] at::Tensor task_logits(const Head& head, const at::Tensor& hidden,
                                     const PassBatch& batch, const ForwardOptions& options);

}  // namespace deformer
