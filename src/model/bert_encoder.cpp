#include "model/bert_encoder.h"

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "architecture/bert_family.h"
#include "model/encoder_parts.h"

namespace deformer {
namespace {

static_assert(kMpnetDistanceBuckets == nn::kDistanceBuckets);

// query, key and value as one layer: one product over the rows instead of three.
nn::Linear make_query_key_value(const WeightScope& scope, const BertNames& names,
                                std::int64_t hidden) {
  std::vector<at::Tensor> weights;
  std::vector<at::Tensor> biases;
  for (const char* name : {names.query, names.key, names.value}) {
    const WeightScope part = scope.sub(name);
    weights.push_back(part.take_linear("weight", {hidden, hidden}));
    biases.push_back(part.take("bias", {hidden}));
  }
  return {join_weights(weights), join_weights(biases), scope.precision()};
}

// A table of the embeddings that not every model has.
at::Tensor take_table(const ModelConfig& config, const char* name, std::int64_t rows,
                      const WeightScope& scope) {
  if (name == nullptr) return {};
  return scope.sub(name).take("weight", {rows, config.embedding_width()});
}

// Of the attention of `selection` rows, by sequence, out of those of all rows.
std::vector<at::Tensor> select_queries(const std::vector<at::Tensor>& biases,
                                       const RowSelection& selection, const JointPlan& plan) {
  std::vector<at::Tensor> selected;
  selected.reserve(biases.size());
  for (std::size_t i = 0; i < biases.size(); ++i) {
    std::vector<std::int64_t> rows(selection.rows.begin() + selection.offsets[i],
                                   selection.rows.begin() + selection.offsets[i + 1]);
    for (std::int64_t& row : rows) row -= plan.offsets[i];
    selected.push_back(RowIndex(rows, biases[i].device()).take(biases[i], 2));
  }
  return selected;
}

}  // namespace

BertEmbeddings::BertEmbeddings(const ModelConfig& config, const BertNames& names,
                               const WeightScope& scope)
    : name_(scope.full_name("")),
      word_(scope.take("word_embeddings.weight", {config.vocab_size, config.embedding_width()})),
      position_name_(names.positions),
      position_(take_table(config, names.positions, config.max_position_embeddings, scope)),
      type_name_(names.token_types),
      type_(take_table(config, names.token_types, config.type_vocab_size, scope)),
      norm_(take_norm(scope.sub("LayerNorm"), config.embedding_width(), config.layer_norm_eps)) {}

at::Tensor BertEmbeddings::forward(std::span<const Segment> segments,
                                   const ForwardOptions& options) const {
  std::size_t tokens = 0;
  for (const Segment& segment : segments) tokens += segment.ids.size();
  IndexColumn ids("token id", word_.size(0), tokens);
  IndexColumn positions("position", position_.defined() ? position_.size(0) : 0, tokens);
  IndexColumn types("token type", type_.defined() ? type_.size(0) : 0, tokens);
  for (const Segment& segment : segments) {
    require_rows(segment);
    for (const std::int32_t id : segment.ids) ids.add(id);
    for (std::size_t i = 0; i < segment.ids.size(); ++i) {
      if (position_.defined()) positions.add(segment.positions[i]);
      if (type_.defined()) types.add(segment.type_id);
    }
  }
  const at::Device device = word_.device();
  at::Tensor sum = at::embedding(word_, ids.tensor(device));
  if (position_.defined()) sum = add_to(sum, at::embedding(position_, positions.tensor(device)));
  if (type_.defined()) sum = add_to(sum, at::embedding(type_, types.tensor(device)));
  return drop(norm_.forward(sum), options);
}

void BertEmbeddings::append_parameters(std::vector<Parameter>& parameters) const {
  parameters.push_back({word_, {name_ + "word_embeddings.weight"}});
  if (position_.defined()) {
    parameters.push_back({position_, {name_ + position_name_ + std::string(".weight")}});
  }
  if (type_.defined()) {
    parameters.push_back({type_, {name_ + type_name_ + std::string(".weight")}});
  }
  append_module(parameters, norm_, {name_ + "LayerNorm"});
}

BertLayer::BertLayer(const ModelConfig& config, const BertNames& names, const WeightScope& scope)
    : name_(scope.full_name("")),
      names_(names),
      num_heads_(config.num_attention_heads),
      activation_(config.hidden_act),
      query_key_value_(make_query_key_value(scope, names, config.hidden_size)),
      attention_output_(
          take_linear(scope.sub(names.attention_output), config.hidden_size, config.hidden_size)),
      attention_norm_(
          take_norm(scope.sub(names.attention_norm), config.hidden_size, config.layer_norm_eps)),
      intermediate_(
          take_linear(scope.sub(names.intermediate), config.hidden_size, config.intermediate_size)),
      output_(take_linear(scope.sub(names.output), config.intermediate_size, config.hidden_size)),
      output_norm_(
          take_norm(scope.sub(names.output_norm), config.hidden_size, config.layer_norm_eps)) {}

at::Tensor BertLayer::project(const at::Tensor& hidden) const {
  return query_key_value_.forward(hidden);
}

at::Tensor BertLayer::forward(const at::Tensor& hidden, const at::Tensor& projected,
                              const BertRows& rows, const ForwardOptions& options) const {
  const auto parts = projected.chunk(3, 1);
  at::Tensor query = parts[0];
  at::Tensor residual = hidden;
  if (rows.selected != nullptr) {
    query = rows.selected->take(query);
    residual = rows.selected->take(residual);
  }
  const at::Tensor context = nn::attend({query, parts[1], parts[2]}, *rows.queries, *rows.sequences,
                                        num_heads_, rows.biases);
  return finish(context, residual, options);
}

at::Tensor BertLayer::finish(const at::Tensor& context, const at::Tensor& residual,
                             const ForwardOptions& options) const {
  at::Tensor mixed = attention_output_.forward(context);
  if (names_.drops_attention_output) mixed = drop(mixed, options);
  const at::Tensor attended = attention_norm_.forward(add_to(std::move(mixed), residual));
  const at::Tensor expanded = intermediate_.forward(attended, activation_);
  at::Tensor contracted = output_.forward(expanded);
  if (names_.drops_output) contracted = drop(contracted, options);
  return output_norm_.forward(add_to(std::move(contracted), attended));
}

void BertLayer::append_parameters(std::vector<Parameter>& parameters) const {
  append_module(parameters, query_key_value_,
                {name_ + names_.query, name_ + names_.key, name_ + names_.value});
  append_module(parameters, attention_output_, {name_ + names_.attention_output});
  append_module(parameters, attention_norm_, {name_ + names_.attention_norm});
  append_module(parameters, intermediate_, {name_ + names_.intermediate});
  append_module(parameters, output_, {name_ + names_.output});
  append_module(parameters, output_norm_, {name_ + names_.output_norm});
}

BertEncoder::BertEncoder(const ModelConfig& config, const BertNames& names,
                         const WeightScope& scope)
    : SplitEncoder(config, /*cls_last=*/false),
      shares_layers_(names.shares_layers),
      embeddings_(config, names, scope.sub("embeddings")) {
  layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    if (names.shares_layers && i > 0) {
      layers_.push_back(layers_.front());  // a copy of handles: the weights are in memory once
    } else {
      layers_.emplace_back(config, names, scope.sub(layer_name(names, i)));
    }
  }
  if (names.projects_embeddings(config.embedding_width(), config.hidden_size)) {
    const WeightScope projection = scope.sub(names.embedding_projection);
    embedding_projection_name_ = projection.full_name("");
    embedding_projection_.emplace(
        take_linear(projection, config.embedding_width(), config.hidden_size));
  }
  if (names.distance_bias == nullptr) return;
  const WeightScope bias = scope.sub(names.distance_bias);
  distance_bias_name_ = bias.full_name("weight");
  distance_bias_ = std::make_shared<const nn::DistanceBias>(
      bias.take_fp32("weight", {nn::kDistanceBuckets, config.num_attention_heads}));
}

std::vector<Parameter> BertEncoder::parameters() const {
  std::vector<Parameter> parameters;
  embeddings_.append_parameters(parameters);
  if (embedding_projection_) {
    // A scope's name ends with a point, a module's does not.
    const std::string& name = embedding_projection_name_;
    append_module(parameters, *embedding_projection_, {name.substr(0, name.size() - 1)});
  }
  const std::size_t distinct = shares_layers_ ? 1 : layers_.size();
  for (std::size_t i = 0; i < distinct; ++i) layers_[i].append_parameters(parameters);
  if (distance_bias_) {
    parameters.push_back({distance_bias_->weight(), {distance_bias_name_}, true});
  }
  return parameters;
}

// By sequence; nothing where attention has no bias.
std::vector<at::Tensor> BertEncoder::biases(nn::Offsets offsets) const {
  std::vector<at::Tensor> biases;
  if (!distance_bias_) return biases;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    biases.push_back(distance_bias_->scores(offsets[i + 1] - offsets[i]));
  }
  return biases;
}

Encoding BertEncoder::lower(std::span<const Segment> segments,
                            const ForwardOptions& options) const {
  Encoding encoding{embeddings_.forward(segments, options), packed_offsets(segments)};
  if (embedding_projection_) encoding.hidden = embedding_projection_->forward(encoding.hidden);
  const nn::Sequences sequences(encoding.offsets, encoding.hidden.device());
  notify(options, -1, encoding.hidden);
  if (split_layer() == 0) return encoding;
  const std::vector<at::Tensor> bias = biases(encoding.offsets);
  const BertRows rows{&sequences, &sequences, nullptr, bias};
  for (std::int64_t i = 0; i < split_layer(); ++i) {
    const BertLayer& layer = layers_[static_cast<std::size_t>(i)];
    encoding.hidden = layer.forward(encoding.hidden, layer.project(encoding.hidden), rows, options);
    notify(options, i, encoding.hidden);
  }
  return encoding;
}

at::Tensor BertEncoder::project(const at::Tensor& hidden) const {
  return first_upper().project(hidden);
}

Encoding BertEncoder::upper(const Encoding& questions, const Encoding& passages,
                            std::span<const SegmentPair> pairs, JointRows rows,
                            const ForwardOptions& options) const {
  const JointPlan plan = plan_joint(questions, passages, pairs, order());
  const at::Device device = questions.hidden.device();
  const nn::Sequences sequences(plan.offsets, device);
  const std::vector<at::Tensor> bias = biases(plan.offsets);
  const BertRows all{&sequences, &sequences, nullptr, bias};
  RowSelection selection;
  std::optional<RowIndex> index;
  std::optional<nn::Sequences> queries;
  std::vector<at::Tensor> selected_bias;
  BertRows last = all;
  if (rows != JointRows::kAll) {
    selection = select_rows(questions, passages, pairs, order(), rows);
    index.emplace(selection.rows, device);
    queries.emplace(selection.offsets, device);
    selected_bias = select_queries(bias, selection, plan);
    last = {&sequences, &*queries, &*index, selected_bias};
  }
  auto [hidden, projected] = join_projected(questions, passages, pairs, plan);
  const auto count = static_cast<std::int64_t>(layers_.size());
  for (std::int64_t i = split_layer(); i < count; ++i) {
    const BertLayer& layer = layers_[static_cast<std::size_t>(i)];
    if (i > split_layer()) projected = layer.project(hidden);
    hidden = layer.forward(hidden, projected, i + 1 == count ? last : all, options);
    notify(options, i, hidden);
  }
  return {hidden, index ? selection.offsets : plan.offsets};
}

}  // namespace deformer
