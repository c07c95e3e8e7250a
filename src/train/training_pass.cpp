#include "train/training_pass.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <map>
#include <utility>

#include "base/check.h"
#include "model/joint.h"
#include "train/reduced_precision.h"
#include "train/task_logits.h"

namespace deformer {
namespace {

// Which states a pass keeps beside the logits.
struct KeptLayers {
  std::int64_t first = 0;
  bool any = false;  ///< else none
};

PassStates forward(const ModelView& model, const PassBatch& batch, KeptLayers kept,
                   TrainingPrecision precision, const ForwardOptions& options) {
  PassStates states{.logits = {}, .first_layer = kept.first, .layers = {}};
  ForwardOptions upper_options = options;
  if (kept.any) {
    upper_options.observer = [&](std::int64_t layer, const at::Tensor& hidden) {
      if (layer >= kept.first) states.layers.push_back(hidden);
    };
  }
  // The head reads some rows; to compare states takes all of them.
  const JointRows wanted = model.head.rows();
  const JointRows computed = kept.any ? JointRows::kAll : wanted;
  at::Tensor rows;
  {
    const ReducedPrecision products(precision);
    const Encoding questions = model.encoder.lower(batch.questions, options);
    const Encoding windows = model.encoder.lower(batch.windows, options);
    const Encoding joint =
        model.encoder.upper(questions, windows, batch.pairs, computed, upper_options);
    rows = joint.hidden;
    if (kept.any) {
      const auto indices = model.encoder.joint_rows(questions, windows, batch.pairs, wanted);
      rows = RowIndex(indices, rows.device()).take(rows);
    }
  }
  states.logits = task_logits(model.head, rows, batch, options);
  return states;
}

at::Tensor target_tensor(const PassBatch& batch, const at::Device& device) {
  std::vector<at::Tensor> targets;
  for (const auto& choice : batch.targets) targets.push_back(index_tensor(choice, device));
  return at::stack(targets);
}

// Finds or adds; windows are shared by all pairs whose segment would be the same.
template <typename Key, typename Make>
std::int64_t index_of(std::map<Key, std::int64_t>& indices, const Key& key,
                      std::vector<Segment>& segments, Make&& make) {
  const auto [entry, added] = indices.emplace(key, static_cast<std::int64_t>(segments.size()));
  if (added) segments.push_back(make());
  return entry->second;
}

// PassBatch::targets.
std::vector<std::vector<std::int64_t>> targets_of(const TrainingSet& set,
                                                  std::span<const std::uint32_t> indices) {
  if (!set.labels.empty()) {
    std::vector<std::int64_t> labels;
    for (std::size_t i = 0; i < indices.size(); i += set.pairs_per_example) {
      labels.push_back(set.labels[indices[i] / set.pairs_per_example]);
    }
    return {std::move(labels)};
  }
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> last;
  for (const std::uint32_t index : indices) {
    const TrainingPair& pair = set.pairs[index];
    DEFORMER_CHECK(pair.has_answer() || set.no_answer);
    const std::int64_t cls = std::ssize(set.windows[pair.window]);
    first.push_back(pair.has_answer() ? pair.first : cls);
    last.push_back(pair.has_answer() ? pair.last : cls);
  }
  return {std::move(first), std::move(last)};
}

}  // namespace

std::int64_t PassBatch::joint_rows() const {
  std::int64_t rows = 0;
  for (const SegmentPair& pair : pairs) {
    rows += std::ssize(questions[static_cast<std::size_t>(pair.question)].ids) +
            std::ssize(windows[static_cast<std::size_t>(pair.passage)].ids);
  }
  return rows;
}

PassBatch make_pass_batch(const TrainingSet& set, std::span<const std::uint32_t> indices,
                          const SegmentLayout& layout) {
  PassBatch batch;
  batch.no_answer = set.no_answer;
  // A segment whose positions go on after the other one belongs to one length of that.
  std::map<std::pair<std::uint32_t, std::int64_t>, std::int64_t> questions;
  std::map<std::pair<std::uint32_t, std::int64_t>, std::int64_t> windows;
  for (const std::uint32_t index : indices) {
    const TrainingPair& pair = set.pairs[index];
    const auto& tokens = set.windows[pair.window];
    const std::int64_t window_rows = std::ssize(tokens) + layout.passage_special_tokens();
    const std::pair question_key(pair.question,
                                 layout.question_depends_on_passage() ? window_rows : 0);
    const std::int64_t question = index_of(questions, question_key, batch.questions, [&] {
      return layout.question(set.questions[pair.question], window_rows);
    });
    const std::int64_t question_rows =
        std::ssize(batch.questions[static_cast<std::size_t>(question)].ids);
    const std::pair window_key(pair.window,
                               layout.passage_depends_on_question() ? question_rows : 0);
    const std::int64_t window = index_of(windows, window_key, batch.windows,
                                         [&] { return layout.passage(tokens, question_rows); });
    batch.pairs.push_back({.question = question, .passage = window});
    batch.passage_tokens.push_back(std::ssize(tokens));
  }
  batch.targets = targets_of(set, indices);
  return batch;
}

std::optional<PassStates> run_teacher(const ModelView& teacher, std::int64_t first_layer,
                                      const PassBatch& batch, const PassOptions& options) {
  const bool with_lrs = options.weights.lrs > 0;
  if (options.weights.kd <= 0 && !with_lrs) return {};
  const torch::autograd::AutoGradMode no_gradient(false);
  return forward(teacher, batch, {first_layer, with_lrs}, options.precision, {});
}

PassLosses run_pass(const ModelView& student, const PassStates* target,
                    std::int64_t first_upper_layer, const PassBatch& batch,
                    const PassOptions& options) {
  const bool with_kd = options.weights.kd > 0;
  const bool with_lrs = options.weights.lrs > 0;
  DEFORMER_CHECK(target != nullptr || (!with_kd && !with_lrs));
  const PassStates states =
      forward(student, batch, {first_upper_layer, with_lrs}, options.precision,
              {.dropout = options.dropout, .generator = options.generator});
  PassLosses losses;
  losses.task = task_loss(states.logits, target_tensor(batch, states.logits.device()));
  if (with_kd) {
    losses.kd = distillation_loss(states.logits, target->logits, options.temperature);
  }
  if (with_lrs) {
    DEFORMER_CHECK(target->first_layer <= first_upper_layer);
    const auto first = target->layers.begin() + (first_upper_layer - target->first_layer);
    losses.lrs =
        representation_loss(states.layers, {first, target->layers.end()}, options.lrs_scale);
  }
  return losses;
}

}  // namespace deformer
