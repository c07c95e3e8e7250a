#include "model/deberta_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "architecture/deberta_names.h"
#include "model/encoder_parts.h"
#include "nn/activation.h"

namespace deformer {
namespace {

// The longest distance inside a sequence.
std::int64_t reach_of(const std::vector<nn::PositionRuns>& sequences) {
  std::int64_t reach = 0;
  for (const nn::PositionRuns& runs : sequences) reach = std::max(reach, runs.front().length - 1);
  return reach;
}

// Sequences of whole rows, each counted from 0.
std::vector<nn::PositionRuns> whole_runs(std::span<const std::int64_t> offsets) {
  std::vector<nn::PositionRuns> sequences;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    sequences.push_back({{.length = offsets[i + 1] - offsets[i]}});
  }
  return sequences;
}

void append_row(nn::PositionRuns& runs, std::int64_t row) {
  if (!runs.empty() && runs.back().position + runs.back().length == row) {
    ++runs.back().length;
  } else {
    runs.push_back({.length = 1, .position = row});
  }
}

// Of the rows of `selection`, counted from the first row of their sequence.
std::vector<nn::PositionRuns> selected_runs(const RowSelection& selection, const JointPlan& plan) {
  std::vector<nn::PositionRuns> sequences(plan.offsets.size() - 1);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    for (std::int64_t at = selection.offsets[i]; at < selection.offsets[i + 1]; ++at) {
      append_row(sequences[i], selection.rows[static_cast<std::size_t>(at)] - plan.offsets[i]);
    }
  }
  return sequences;
}

std::optional<nn::Linear> take_own_projection(const ModelConfig& config, const WeightScope& scope,
                                              const char* name) {
  if (config.distances.shares_projections) return std::nullopt;
  return take_linear(scope.sub(name), config.hidden_size, config.hidden_size);
}

}  // namespace

DebertaLayer::DebertaLayer(const ModelConfig& config, const WeightScope& scope)
    : name_(scope.full_name("")),
      scale_(deberta_scale(config)),
      bert_(config, kDebertaNames, scope),
      position_query_(take_own_projection(config, scope, kDebertaPositionQuery)),
      position_key_(take_own_projection(config, scope, kDebertaPositionKey)) {}

PositionRows DebertaLayer::project_positions(const at::Tensor& rows) const {
  if (position_query_) return {position_query_->forward(rows), position_key_->forward(rows)};
  const auto parts = bert_.project(rows).chunk(3, 1);
  return {parts[0], parts[1]};
}

at::Tensor DebertaLayer::forward(const at::Tensor& hidden, const at::Tensor& projected,
                                 const DebertaRows& rows, const nn::DistanceTable& distances,
                                 const ForwardOptions& options) const {
  const auto parts = projected.chunk(3, 1);
  at::Tensor query = parts[0];
  at::Tensor residual = hidden;
  if (rows.selected != nullptr) {
    query = rows.selected->take(query);
    residual = rows.selected->take(residual);
  }
  const nn::RelativeInputs inputs{.query = query,
                                  .position_query = query,
                                  .other_segment = {},
                                  .key = parts[1],
                                  .value = parts[2],
                                  .scale = scale_};
  const at::Tensor context = nn::attend_relative(inputs, distances, rows.queries, rows.keys);
  return bert_.finish(context, residual, options);
}

void DebertaLayer::append_parameters(std::vector<Parameter>& parameters) const {
  bert_.append_parameters(parameters);
  if (!position_query_) return;
  append_module(parameters, *position_query_, {name_ + kDebertaPositionQuery});
  append_module(parameters, *position_key_, {name_ + kDebertaPositionKey});
}

DebertaConvolution::DebertaConvolution(const ModelConfig& config, const WeightScope& scope)
    : name_(scope.full_name("")),
      weight_(scope.take("conv.weight", {config.hidden_size, config.hidden_size,
                                         config.distances.convolution_rows})),
      bias_(scope.take("conv.bias", {config.hidden_size})),
      norm_(take_norm(scope.sub("LayerNorm"), config.hidden_size, config.layer_norm_eps)) {}

at::Tensor DebertaConvolution::forward(const at::Tensor& input, const at::Tensor& output,
                                       const DebertaRows& rows,
                                       const ForwardOptions& options) const {
  std::vector<std::int64_t> lengths;
  for (const nn::PositionRuns& runs : rows.keys) lengths.push_back(runs.front().length);
  std::vector<at::Tensor> mixed;
  for (const at::Tensor& sequence : input.split_with_sizes(lengths)) {
    const at::Tensor columns = sequence.t().unsqueeze(0);  // [1, hidden, rows]
    mixed.push_back(at::conv1d(columns, weight_, bias_, /*stride=*/1,
                               /*padding=*/weight_.size(2) / 2)
                        .squeeze(0)
                        .t());
  }
  if (mixed.empty()) return output;
  at::Tensor all = at::cat(mixed);
  if (rows.selected != nullptr) all = rows.selected->take(all);
  at::Tensor activated = nn::activate(Activation::kGeluErf, drop(all, options).contiguous());
  return norm_.forward(add_to(std::move(activated), output));
}

void DebertaConvolution::append_parameters(std::vector<Parameter>& parameters) const {
  parameters.push_back({weight_, {name_ + "conv.weight"}});
  parameters.push_back({bias_, {name_ + "conv.bias"}});
  append_module(parameters, norm_, {name_ + "LayerNorm"});
}

DebertaEncoder::DebertaEncoder(const ModelConfig& config, const WeightScope& scope)
    : SplitEncoder(config, /*cls_last=*/false),
      embeddings_(config, kDebertaNames, scope.sub("embeddings")),
      positions_(std::make_shared<DebertaPositions>(config, scope.sub("encoder"))) {
  layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers_.emplace_back(config, scope.sub(kDebertaNames.layers + std::to_string(i)));
  }
  if (config.distances.convolution_rows > 0) {
    convolution_.emplace(config, scope.sub("encoder.conv"));
  }
}

std::vector<Parameter> DebertaEncoder::parameters() const {
  std::vector<Parameter> parameters;
  embeddings_.append_parameters(parameters);
  positions_->append_parameters(parameters);
  for (const DebertaLayer& layer : layers_) layer.append_parameters(parameters);
  if (convolution_) convolution_->append_parameters(parameters);
  return parameters;
}

std::vector<nn::DistanceTable> DebertaEncoder::tables(const DebertaRows& rows,
                                                      const LayerRange& layers,
                                                      const ForwardOptions& options) const {
  const auto project = [this](std::size_t layer, const at::Tensor& table) {
    return layers_[layer].project_positions(table);
  };
  return positions_->tables(project, layers, reach_of(rows.keys), options);
}

at::Tensor DebertaEncoder::convolve(std::size_t layer, const at::Tensor& input,
                                    const at::Tensor& output, const DebertaRows& rows,
                                    const ForwardOptions& options) const {
  if (layer > 0 || !convolution_) return output;
  return convolution_->forward(input, output, rows, options);
}

Encoding DebertaEncoder::lower(std::span<const Segment> segments,
                               const ForwardOptions& options) const {
  for (const Segment& segment : segments) require_consecutive(segment);
  Encoding encoding{embeddings_.forward(segments, options), packed_offsets(segments)};
  notify(options, -1, encoding.hidden);
  if (split_layer() == 0 || segments.empty()) return encoding;
  DebertaRows rows;
  rows.keys = whole_runs(encoding.offsets);
  rows.queries = rows.keys;
  const auto count = static_cast<std::size_t>(split_layer());
  const auto distances = tables(rows, {0, count}, options);
  for (std::size_t i = 0; i < count; ++i) {
    const at::Tensor& input = encoding.hidden;
    const at::Tensor output =
        layers_[i].forward(input, layers_[i].project(input), rows, distances[i], options);
    encoding.hidden = convolve(i, input, output, rows, options);
    notify(options, static_cast<std::int64_t>(i), encoding.hidden);
  }
  return encoding;
}

at::Tensor DebertaEncoder::project(const at::Tensor& hidden) const {
  return layers_[static_cast<std::size_t>(split_layer())].project(hidden);
}

Encoding DebertaEncoder::upper(const Encoding& questions, const Encoding& passages,
                               std::span<const SegmentPair> pairs, JointRows rows,
                               const ForwardOptions& options) const {
  const JointPlan plan = plan_joint(questions, passages, pairs, order());
  const at::Device device = questions.hidden.device();
  DebertaRows all;
  all.keys = whole_runs(plan.offsets);
  all.queries = all.keys;
  DebertaRows last = all;
  RowSelection selection;
  std::optional<RowIndex> selected;
  if (rows != JointRows::kAll) {
    selection = select_rows(questions, passages, pairs, order(), rows);
    selected.emplace(selection.rows, device);
    last.queries = selected_runs(selection, plan);
    last.selected = &*selected;
  }
  const auto first = static_cast<std::size_t>(split_layer());
  const auto distances = tables(all, {first, layers_.size()}, options);
  auto [hidden, projected] = join_projected(questions, passages, pairs, plan);
  for (std::size_t i = first; i < layers_.size(); ++i) {
    if (i > first) projected = layers_[i].project(hidden);
    const DebertaRows& computed = i + 1 == layers_.size() ? last : all;
    const at::Tensor output =
        layers_[i].forward(hidden, projected, computed, distances[i - first], options);
    hidden = convolve(i, hidden, output, computed, options);
    notify(options, static_cast<std::int64_t>(i), hidden);
  }
  return {hidden, selected ? selection.offsets : plan.offsets};
}

}  // namespace deformer
