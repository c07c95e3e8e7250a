#include "train/losses.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/check.h"

namespace deformer {

Candidates make_candidates(const std::vector<std::int64_t>& offsets,
                           const std::vector<std::int64_t>& passage_tokens, bool with_cls,
                           const at::Device& device) {
  const auto pairs = static_cast<std::int64_t>(passage_tokens.size());
  DEFORMER_CHECK(pairs > 0 && offsets.size() == passage_tokens.size() + 1);
  const std::int64_t longest =
      *std::max_element(passage_tokens.begin(), passage_tokens.end()) + (with_cls ? 1 : 0);
  at::Tensor rows = at::zeros({pairs, longest}, at::kLong);
  at::Tensor valid = at::zeros({pairs, longest}, at::kBool);
  auto row = rows.accessor<std::int64_t, 2>();
  auto is_valid = valid.accessor<bool, 2>();
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::int64_t tokens = passage_tokens[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < tokens + (with_cls ? 1 : 0); ++j) {
      row[i][j] = j < tokens ? offsets[static_cast<std::size_t>(i)] + j
                             : offsets[static_cast<std::size_t>(i) + 1] - 1;
      is_valid[i][j] = true;
    }
  }
  return {rows.to(device), valid.to(device)};
}

at::Tensor candidate_logits(const at::Tensor& logits, const Candidates& candidates) {
  const at::Tensor picked = logits.index_select(0, candidates.rows.flatten())
                                .view({candidates.rows.size(0), candidates.rows.size(1), 2})
                                .to(at::kFloat);
  return picked.masked_fill(candidates.valid.logical_not().unsqueeze(-1), kExcludedLogit)
      .permute({2, 0, 1});
}

LossTerm task_loss(const at::Tensor& logits, const at::Tensor& targets) {
  const at::Tensor log_likelihood =
      at::log_softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).sum();
  return {log_likelihood / -static_cast<double>(logits.size(0)),
          static_cast<double>(logits.size(1))};
}

LossTerm distillation_loss(const at::Tensor& student, const at::Tensor& teacher,
                           double temperature) {
  const at::Tensor wanted = at::log_softmax(teacher / temperature, -1);
  const at::Tensor found = at::log_softmax(student / temperature, -1);
  const at::Tensor divergence = (wanted.exp() * (wanted - found)).sum();
  return {divergence * (temperature * temperature / static_cast<double>(student.size(0))),
          static_cast<double>(student.size(1))};
}

LossTerm representation_loss(const std::vector<at::Tensor>& student,
                             const std::vector<at::Tensor>& teacher, LrsScale scale) {
  DEFORMER_CHECK(!student.empty() && student.size() == teacher.size());
  at::Tensor total;
  for (std::size_t i = 0; i < student.size(); ++i) {
    at::Tensor distance = at::mse_loss(student[i], teacher[i]);
    if (scale == LrsScale::kTeacher) distance = distance / teacher[i].square().mean();
    total = total.defined() ? total + distance : distance;
  }
  const auto rows = static_cast<double>(student.front().size(0));
  return {total * (rows / static_cast<double>(student.size())), rows};
}

}  // namespace deformer
