#include "model/deberta_positions.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "nn/attention_type.h"
#include "nn/transfer.h"

namespace deformer {
namespace {

// [rows of the table, hidden] -> [heads, head size, distances]
at::Tensor spread(const at::Tensor& rows, const at::Tensor& index, std::int64_t num_heads) {
  return rows.index_select(0, index).unflatten(1, {num_heads, -1}).permute({1, 2, 0}).contiguous();
}

}  // namespace

double deberta_scale(const ModelConfig& config) {
  constexpr double kTerms = 3;
  return 1 / std::sqrt(kTerms * static_cast<double>(config.head_size()));
}

DebertaPositions::DebertaPositions(const ModelConfig& config, const WeightScope& scope)
    : name_(scope.full_name("")),
      num_layers_(static_cast<std::size_t>(config.num_hidden_layers)),
      num_heads_(config.num_attention_heads),
      scale_(deberta_scale(config)),
      buckets_(config.distances),
      table_(scope.take("rel_embeddings.weight",
                        {config.distances.table_rows(), config.hidden_size})) {
  if (config.distances.normalised) {
    norm_.emplace(take_norm(scope.sub("LayerNorm"), config.hidden_size, config.layer_norm_eps));
  }
}

void DebertaPositions::append_parameters(std::vector<Parameter>& parameters) const {
  parameters.push_back({table_, {name_ + "rel_embeddings.weight"}});
  if (norm_) append_module(parameters, *norm_, {name_ + "LayerNorm"});
}

std::vector<nn::DistanceTable> DebertaPositions::make(const ProjectPositions& project,
                                                      const LayerRange& layers, std::int64_t reach,
                                                      const ForwardOptions& options) const {
  const at::Tensor normed = norm_ ? norm_->forward(table_) : table_;
  std::vector<std::int64_t> rows = buckets_.rows(reach);
  const at::Device device = table_.device();
  const at::Tensor rising = nn::to_device(at::tensor(rows, at::kLong), device);
  std::reverse(rows.begin(), rows.end());
  const at::Tensor falling = nn::to_device(at::tensor(rows, at::kLong), device);
  // The type that attention is computed in, so that it need not convert them each time.
  const at::ScalarType type = nn::attends_in_fp32(table_) ? at::kFloat : table_.scalar_type();
  std::vector<nn::DistanceTable> tables;
  for (std::size_t layer = layers.first; layer < layers.last; ++layer) {
    const PositionRows made = project(layer, drop(normed, options));
    const auto scaled = [&](const at::Tensor& part) { return part.to(type) * scale_; };
    tables.push_back({.keys = spread(scaled(made.key), falling, num_heads_),
                      .reach = reach,
                      .queries = spread(scaled(made.query), rising, num_heads_)});
  }
  return tables;
}

std::vector<nn::DistanceTable> DebertaPositions::tables(const ProjectPositions& project,
                                                        const LayerRange& layers,
                                                        std::int64_t reach,
                                                        const ForwardOptions& options) {
  if (options.dropout > 0 || !table_.is_inference()) return make(project, layers, reach, options);
  const std::lock_guard lock(mutex_);
  if (kept_.empty() || kept_.front().reach < reach) {
    kept_ = make(project, {0, num_layers_}, nn::rounded_reach(reach), options);
  }
  return {kept_.begin() + static_cast<std::ptrdiff_t>(layers.first),
          kept_.begin() + static_cast<std::ptrdiff_t>(layers.last)};
}

}  // namespace deformer
