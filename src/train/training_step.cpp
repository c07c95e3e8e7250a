#include "train/training_step.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "deformer/error.h"
#include "train/random.h"
#include "train/reduced_precision.h"

namespace deformer {
namespace {

constexpr std::uint64_t kDropoutSeed = 3;  // a purpose of mix_seed()
constexpr std::size_t kNamedQuestions = 4;

// A generator of the device's kind that begins at `seed`.
at::Generator make_generator(const at::Device& device, std::uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

// Adds a term's part of the step's mean and gives its weighted tensor.
at::Tensor add_term(const LossTerm& term, double count, double weight, std::optional<double>& sum) {
  const at::Tensor mean = term.sum / count;
  sum = sum.value_or(0) + mean.item<double>();
  return mean * weight;
}

}  // namespace

// What the means of a step divide by.
struct StepRunner::Counts {
  double examples = 0;
  double rows = 0;
  double splits = 1;  // that run in this step
};

StepRunner::StepRunner(const TrainingModel& student, const StepTeacher& teacher,
                       const TrainingSet& set, const TrainingOptions& options)
    : student_(student),
      teacher_(teacher),
      set_(set),
      options_(options),
      device_(student.parameters().front().value.device()) {
  for (const int layer : options.split_layers) {
    splits_.push_back({layer, student.encoder->with_split_layer(layer)});
  }
}

StepOutcome StepRunner::run(const StepPlan& plan, std::uint64_t step, const PassShare& share,
                            const std::function<void()>& before_last) {
  const Tf32Products products(options_.precision);
  std::vector<PassBatch> batches;
  std::int64_t rows = 0;
  for (const auto& pairs : plan.passes) {
    batches.push_back(make_pass_batch(set_, pairs, *student_.layout));
    rows += batches.back().joint_rows();
  }
  std::span<const Split> active(splits_);
  if (options_.split_schedule == SplitSchedule::kAlternate) {
    active = active.subspan((step - 1) % splits_.size(), 1);
  }
  const Counts counts{static_cast<double>(plan.examples), static_cast<double>(rows),
                      static_cast<double>(active.size())};
  StepOutcome outcome;
  PassOptions pass{.weights = options_.loss_weights,
                   .temperature = options_.temperature,
                   .lrs_scale = options_.lrs_scale,
                   .precision = options_.precision,
                   .dropout = options_.dropout};
  for (std::size_t i = share.rank; i < batches.size(); i += share.size) {
    const std::optional<PassStates> target = target_of(active, plan.passes[i], batches[i], pass);
    for (const Split& split : active) {
      const auto index = static_cast<std::uint64_t>(i * splits_.size()) +
                         static_cast<std::uint64_t>(&split - splits_.data());
      pass.generator =
          make_generator(device_, mix_seed(options_.seed, kDropoutSeed, (step << 20U) + index));
      const at::Tensor loss =
          pass_loss(split, {batches[i], target ? &*target : nullptr, pass}, counts, outcome.losses);
      const auto value = loss.item<double>();
      if (!std::isfinite(value)) refuse_loss(plan.passes[i], step, value);
      outcome.losses.total += value;
      const bool is_last = i + share.size >= batches.size() && &split == &active.back();
      if (is_last && before_last) before_last();
      loss.backward();
    }
  }
  outcome.joint_rows = static_cast<std::size_t>(rows) * active.size();
  outcome.split_layer = active.size() == 1 ? active.front().layer : -1;
  return outcome;
}

std::optional<PassStates> StepRunner::target_of(std::span<const Split> splits,
                                                std::span<const std::uint32_t> pairs,
                                                const PassBatch& batch,
                                                const PassOptions& pass) const {
  if (teacher_.answers != nullptr) {
    return PassStates{.logits = teacher_.answers->logits(pairs, device_)};
  }
  if (teacher_.model == nullptr) return {};
  int first_layer = splits.front().layer;
  for (const Split& split : splits) first_layer = std::min(first_layer, split.layer);
  return run_teacher({*teacher_.model->encoder, *teacher_.model->head}, first_layer, batch, pass);
}

at::Tensor StepRunner::pass_loss(const Split& split, const PassInput& pass, const Counts& counts,
                                 StepLosses& losses) const {
  const PassLosses terms = run_pass({*split.encoder, *student_.head}, pass.target, split.layer,
                                    pass.batch, pass.options);
  const LossWeights& weights = pass.options.weights;
  const double examples = counts.examples * counts.splits;
  at::Tensor loss = add_term(terms.task, examples, weights.task, losses.task);
  if (terms.kd) loss = loss + add_term(*terms.kd, examples, weights.kd, losses.kd);
  if (terms.lrs) {
    loss = loss + add_term(*terms.lrs, counts.rows * counts.splits, weights.lrs, losses.lrs);
  }
  return loss;
}

void StepRunner::refuse_loss(std::span<const std::uint32_t> pairs, std::uint64_t step,
                             double loss) const {
  std::string names;
  for (std::size_t i = 0; i < pairs.size() && i < kNamedQuestions; ++i) {
    names += (names.empty() ? "" : ", ") + set_.question_ids[set_.pairs[pairs[i]].question];
  }
  if (pairs.size() > kNamedQuestions) {
    names += " and " + std::to_string(pairs.size() - kNamedQuestions) + " more";
  }
  throw Error(ErrorCode::kInvalidArgument, "training step " + std::to_string(step) +
                                               ": expected a finite loss, found " +
                                               std::to_string(loss) + " on the questions " + names +
                                               "; a lower learning rate may help");
}

}  // namespace deformer
