#include "train/optimizer.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "architecture/architecture.h"
#include "base/check.h"

namespace deformer {
namespace {

// Biases of XLNet's attention have two dimensions.
bool is_decayed(const Parameter& parameter) {
  return parameter.value.dim() > 1 && !parameter.names.front().ends_with("bias");
}

}  // namespace

double scheduled_rate(double highest, std::uint64_t step, std::uint64_t steps, double warmup) {
  const auto warmup_steps =
      static_cast<std::uint64_t>(std::ceil(warmup * static_cast<double>(steps)));
  if (step <= warmup_steps) {
    return highest * static_cast<double>(step) / static_cast<double>(warmup_steps);
  }
  const auto left = static_cast<double>(steps - std::min(step, steps) + 1);
  return highest * left / static_cast<double>(steps - warmup_steps + 1);
}

std::vector<double> rate_factors(const std::vector<Parameter>& parameters,
                                 const ModelConfig& config, double layer_decay) {
  std::vector<double> factors;
  factors.reserve(parameters.size());
  for (const Parameter& parameter : parameters) {
    const std::int64_t depth =
        config.num_hidden_layers - layer_of_weight(config, parameter.names.front());
    factors.push_back(std::pow(layer_decay, static_cast<double>(depth)));
  }
  return factors;
}

Adamw::Adamw(std::vector<Parameter> parameters, const AdamwOptions& options,
             const std::vector<double>& factors)
    : parameters_(std::move(parameters)), options_(options) {
  DEFORMER_CHECK(factors.empty() || factors.size() == parameters_.size());
  std::map<std::pair<bool, double>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor value = parameters_[i].value.detach();
    moments_.push_back({at::zeros_like(value), at::zeros_like(value)});
    groups[{is_decayed(parameters_[i]), factors.empty() ? 1.0 : factors[i]}].push_back(i);
  }
  for (auto& [kind, members] : groups) {
    groups_.push_back({kind.first, kind.second, std::move(members)});
  }
}

void Adamw::step(double rate, std::uint64_t step) {
  const torch::autograd::AutoGradMode no_gradient(false);
  for (const Group& group : groups_) step_group(group, rate * group.factor, step);
  for (const Parameter& parameter : parameters_) parameter.value.mutable_grad().reset();
}

void Adamw::step_group(const Group& group, double rate, std::uint64_t step) {
  std::vector<at::Tensor> values;
  std::vector<at::Tensor> gradients;
  std::vector<at::Tensor> first;
  std::vector<at::Tensor> second;
  std::vector<at::Tensor> steps;
  for (const std::size_t i : group.parameters) {
    const at::Tensor& value = parameters_[i].value;
    if (!value.grad().defined()) continue;
    values.push_back(value);
    gradients.push_back(value.grad());
    first.push_back(moments_[i].first);
    second.push_back(moments_[i].second);
    // The kernel expects the number of this step.
    steps.push_back(
        at::full({}, static_cast<double>(step), at::device(value.device()).dtype(at::kFloat)));
  }
  if (values.empty()) return;
  at::_fused_adamw_(values, gradients, first, second, {}, steps, rate, options_.beta1,
                    options_.beta2, group.decayed ? options_.weight_decay : 0.0, options_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false);
}

double gradient_norm(const std::vector<Parameter>& parameters) {
  const torch::autograd::AutoGradMode no_gradient(false);
  std::vector<at::Tensor> norms;
  for (const Parameter& parameter : parameters) {
    at::Tensor& gradient = parameter.value.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(parameter.value);
    norms.push_back(at::linalg_vector_norm(gradient));
  }
  return at::linalg_vector_norm(at::stack(norms)).item<double>();
}

void scale_gradients(const std::vector<Parameter>& parameters, double factor) {
  const torch::autograd::AutoGradMode no_gradient(false);
  for (const Parameter& parameter : parameters) parameter.value.mutable_grad().mul_(factor);
}

}  // namespace deformer
