// The three losses, on packed rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/training.h"

namespace deformer {

/// A loss as sum and count, so that parts with different counts add up to the right mean.
struct LossTerm {
  at::Tensor sum;  ///< scalar, differentiable
  double count = 0;
};

/// Logit of a candidate that is none: exp() of it is 0 in fp32, and unlike -infinity it gives no
/// NaN in p log p.
inline constexpr float kExcludedLogit = -1e4F;

/// The rows of each pair that may begin or end its answer.
struct Candidates {
  at::Tensor rows;   ///< [pairs, longest] int64; row 0 stands where a pair has fewer candidates
  at::Tensor valid;  ///< [pairs, longest] bool
};

/// `passage_tokens[i]` candidates of pair i: the first rows of its range in `offsets` ([pairs +
/// 1]), followed by the last row of the range ([CLS], JointRows::kPassageAndCls) when `with_cls`.
[[nodiscard]] Candidates make_candidates(const std::vector<std::int64_t>& offsets,
                                         const std::vector<std::int64_t>& passage_tokens,
                                         bool with_cls, const at::Device& device);

/// Start and end logits of the candidates, [2, pairs, longest]; far below all others where a pair
/// has fewer. `logits` [rows, 2].
[[nodiscard]] at::Tensor candidate_logits(const at::Tensor& logits, const Candidates& candidates);

/// Cross-entropy, averaged over the choices that an example makes (first and last token of a span:
/// 2; a class: 1); count = examples. `logits` [choices, examples, candidates], `targets` [choices,
/// examples] int64: places among the candidates.
[[nodiscard]] LossTerm task_loss(const at::Tensor& logits, const at::Tensor& targets);

/// temperature^2 x KL(teacher || student), averaged likewise; count = examples (Hinton et al.,
/// 2015; reference code: tasks/qa_sbert.py, there over padding and question as well).
[[nodiscard]] LossTerm distillation_loss(const at::Tensor& student, const at::Tensor& teacher,
                                         double temperature);

/// Mean over the layers of the mean squared difference, times the number of rows; count = rows.
/// Both lists hold the same layers, [rows, hidden] each.
[[nodiscard]] LossTerm representation_loss(const std::vector<at::Tensor>& student,
                                           const std::vector<at::Tensor>& teacher, LrsScale scale);

}  // namespace deformer
