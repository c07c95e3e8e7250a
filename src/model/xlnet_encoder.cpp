#include "model/xlnet_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "deformer/error.h"
#include "model/encoder_parts.h"
#include "nn/activation.h"

namespace deformer {
namespace {

// Segments of a joint sequence: first <sep> second <sep> <cls>.
constexpr std::int64_t kFirst = 0;
constexpr std::int64_t kSecond = 1;
constexpr std::int64_t kCls = 2;

constexpr const char* kSharedBias = "r_w_bias";

at::Tensor take_projection(const XlnetSizes& sizes, const WeightScope& scope, const char* name) {
  return scope.take_linear(name, {sizes.hidden, sizes.heads, sizes.head});
}

// Without bias, or with one [heads, head size].
nn::Linear make_projection(const XlnetSizes& sizes, const WeightScope& scope, const char* name,
                           const at::Tensor& bias = {}) {
  return {take_projection(sizes, scope, name), bias, scope.precision(), nn::WeightOrder::kInFirst};
}

at::Tensor take_segments(const XlnetSizes& sizes, const WeightScope& scope) {
  return scope.take("seg_embed", {2, sizes.heads, sizes.head});
}

void append_biases(std::vector<Parameter>& parameters, const XlnetBiases& biases,
                   const std::string& name) {
  parameters.push_back({biases.content, {name + "r_w_bias"}});
  parameters.push_back({biases.position, {name + "r_r_bias"}});
  parameters.push_back({biases.segment, {name + "r_s_bias"}});
}

// The longest distance inside a sequence.
std::int64_t reach_of(const nn::PositionRuns& runs) {
  const nn::PositionRun& last = runs.back();
  return last.position + last.length - 1 - runs.front().position;
}

// Rows of the longest segment that layout `slots` makes room for: its text and <sep>.
std::int64_t first_slot(const SplitConfig& split, const JointOrder& order) {
  return 1 + (order.passage_first ? split.window_tokens : split.max_question_tokens);
}

}  // namespace

XlnetBiases XlnetBiases::take(const XlnetSizes& sizes, const WeightScope& scope) {
  return {scope.take("r_w_bias", {sizes.heads, sizes.head}),
          scope.take("r_r_bias", {sizes.heads, sizes.head}),
          scope.take("r_s_bias", {sizes.heads, sizes.head})};
}

XlnetProjection XlnetProjection::take(const RowIndex& rows) const {
  return {rows.take(query), rows.take(key), rows.take(value)};
}

at::Tensor XlnetProjection::packed() const {
  return at::cat({query, key, value}, 1);
}

XlnetProjection XlnetProjection::unpack(const at::Tensor& packed) {
  const auto parts = packed.chunk(3, 1);
  return {parts[0], parts[1], parts[2]};
}

XlnetLayer::XlnetLayer(const ModelConfig& config, const WeightScope& scope,
                       const XlnetBiases* biases)
    : name_(scope.full_name("")),
      shares_biases_(biases != nullptr),
      activation_(config.hidden_act),
      biases_(biases != nullptr ? *biases
                                : XlnetBiases::take(XlnetSizes(config), scope.sub("rel_attn"))),
      query_(make_projection(XlnetSizes(config), scope.sub("rel_attn"), "q", biases_.content)),
      key_(make_projection(XlnetSizes(config), scope.sub("rel_attn"), "k")),
      value_(make_projection(XlnetSizes(config), scope.sub("rel_attn"), "v")),
      output_(take_projection(XlnetSizes(config), scope.sub("rel_attn"), "o"), {},
              scope.precision()),
      relative_(
          scope.sub("rel_attn")
              .take("r", {config.hidden_size, XlnetSizes(config).heads, XlnetSizes(config).head})),
      segments_(take_segments(XlnetSizes(config), scope.sub("rel_attn"))),
      attention_norm_(
          take_norm(scope.sub("rel_attn.layer_norm"), config.hidden_size, config.layer_norm_eps)),
      expand_(take_linear(scope.sub("ff.layer_1"), config.hidden_size, config.intermediate_size)),
      contract_(take_linear(scope.sub("ff.layer_2"), config.intermediate_size, config.hidden_size)),
      output_norm_(
          take_norm(scope.sub("ff.layer_norm"), config.hidden_size, config.layer_norm_eps)) {}

XlnetProjection XlnetLayer::project(const at::Tensor& hidden) const {
  return {query_.forward(hidden), key_.forward(hidden), value_.forward(hidden)};
}

// Of the two segment scores only the difference matters: a softmax ignores what all keys share.
at::Tensor XlnetLayer::other_segment(const at::Tensor& query) const {
  const double scale = 1 / std::sqrt(static_cast<double>(segments_.size(2)));
  const at::Tensor difference = (segments_[1] - segments_[0]) * scale;  // [heads, head size]
  const at::Tensor biased =
      query.unflatten(1, difference.sizes()) + (biases_.segment - biases_.content);
  return (biased * difference).sum(2);
}

at::Tensor XlnetLayer::forward(const at::Tensor& hidden, const XlnetProjection& projected,
                               const XlnetRows& rows, const nn::DistanceTable& distances,
                               const ForwardOptions& options) const {
  at::Tensor query = projected.query;
  at::Tensor residual = hidden;
  if (rows.selected != nullptr) {
    query = rows.selected->take(query);
    residual = rows.selected->take(residual);
  }
  const bool has_segments = std::any_of(rows.keys.begin(), rows.keys.end(), [](const auto& runs) {
    return runs.front().segment != runs.back().segment;
  });
  const nn::RelativeInputs inputs{query, query + (biases_.position - biases_.content).flatten(),
                                  has_segments ? other_segment(query) : at::Tensor(), projected.key,
                                  projected.value};
  const at::Tensor context = nn::attend_relative(inputs, distances, rows.queries, rows.keys);
  const at::Tensor attended =
      attention_norm_.forward(add_to(drop(output_.forward(context), options), residual));
  const at::Tensor expanded = drop(expand_.forward(attended, activation_), options);
  return output_norm_.forward(add_to(drop(contract_.forward(expanded), options), attended));
}

void XlnetLayer::append_parameters(std::vector<Parameter>& parameters) const {
  const std::string attention = name_ + "rel_attn.";
  parameters.push_back({query_.weight(), {attention + "q"}});
  parameters.push_back({key_.weight(), {attention + "k"}});
  parameters.push_back({value_.weight(), {attention + "v"}});
  parameters.push_back({output_.weight(), {attention + "o"}});
  parameters.push_back({relative_, {attention + "r"}});
  if (!shares_biases_) append_biases(parameters, biases_, attention);
  parameters.push_back({segments_, {attention + "seg_embed"}});
  append_module(parameters, attention_norm_, {attention + "layer_norm"});
  append_module(parameters, expand_, {name_ + "ff.layer_1"});
  append_module(parameters, contract_, {name_ + "ff.layer_2"});
  append_module(parameters, output_norm_, {name_ + "ff.layer_norm"});
}

XlnetEncoder::XlnetEncoder(const ModelConfig& config, const WeightScope& scope)
    : SplitEncoder(config, /*cls_last=*/true),
      name_(scope.full_name("")),
      layout_(config.split.layout),
      first_slot_(first_slot(config.split, order())),
      word_(scope.take("word_embedding.weight", {config.vocab_size, config.hidden_size})),
      shares_biases_(scope.has(kSharedBias)),
      distances_(std::make_shared<XlnetDistances>(XlnetSizes(config))) {
  if (shares_biases_) biases_ = XlnetBiases::take(XlnetSizes(config), scope);
  layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers_.emplace_back(config, scope.sub("layer." + std::to_string(i)),
                         shares_biases_ ? &biases_ : nullptr);
  }
}

std::vector<Parameter> XlnetEncoder::parameters() const {
  std::vector<Parameter> parameters;
  parameters.push_back({word_, {name_ + "word_embedding.weight"}});
  if (shares_biases_) append_biases(parameters, biases_, name_);
  for (const XlnetLayer& layer : layers_) layer.append_parameters(parameters);
  return parameters;
}

at::Tensor XlnetEncoder::embed(std::span<const Segment> segments,
                               const ForwardOptions& options) const {
  std::size_t tokens = 0;
  for (const Segment& segment : segments) tokens += segment.ids.size();
  IndexColumn ids("token id", word_.size(0), tokens);
  for (const Segment& segment : segments) {
    require_rows(segment);
    require_consecutive(segment);
    for (const std::int32_t id : segment.ids) ids.add(id);
  }
  return drop(at::embedding(word_, ids.tensor(word_.device())), options);
}

std::vector<nn::DistanceTable> XlnetEncoder::distances(const XlnetRows& rows,
                                                       const LayerRange& layers,
                                                       const ForwardOptions& options) const {
  std::int64_t reach = 0;
  for (const nn::PositionRuns& runs : rows.keys) reach = std::max(reach, reach_of(runs));
  std::vector<at::Tensor> weights;
  weights.reserve(layers_.size());
  for (const XlnetLayer& layer : layers_) weights.push_back(layer.distance_weight());
  return distances_->tables(weights, layers, reach, options);
}

// In an ordinary checkpoint <cls> is a segment of its own.
nn::PositionRuns XlnetEncoder::second_runs(std::int64_t length, std::int64_t position) const {
  if (layout_ != Layout::kContinue) return {{length, position, kSecond}};
  nn::PositionRuns runs;
  if (length > 1) runs.push_back({length - 1, position, kSecond});
  runs.push_back({1, position + length - 1, kCls});
  return runs;
}

void XlnetEncoder::use_lengths(const SplitConfig& split) {
  first_slot_ = first_slot(split, order());
}

void XlnetEncoder::require_slot(std::int64_t first_rows) const {
  if (first_rows <= first_slot_) return;
  const char* const names = order().passage_first
                                ? "passage: expected at most window_tokens + 1 = "
                                : "question: expected at most max_question_tokens + 1 = ";
  throw Error(ErrorCode::kInvalidArgument, names + std::to_string(first_slot_) +
                                               " rows (layout slots), found " +
                                               std::to_string(first_rows));
}

nn::PositionRuns XlnetEncoder::joint_runs(std::int64_t question, std::int64_t passage) const {
  const std::int64_t first = order().passage_first ? passage : question;
  const std::int64_t second = order().passage_first ? question : passage;
  const bool slots = layout_ == Layout::kSlots;
  if (slots) require_slot(first);
  nn::PositionRuns runs{{first, 0, kFirst}};
  for (const nn::PositionRun& run : second_runs(second, slots ? first_slot_ : first)) {
    runs.push_back(run);
  }
  return runs;
}

// The rows of a joint sequence that the last layer computes.
nn::PositionRuns XlnetEncoder::selected_runs(const nn::PositionRuns& joint, JointRows rows) const {
  const nn::PositionRun& last = joint.back();
  const nn::PositionRun cls{1, last.position + last.length - 1, last.segment};
  if (rows == JointRows::kAll) return joint;
  if (rows == JointRows::kCls) return {cls};
  nn::PositionRuns runs;
  if (order().passage_first) {
    runs.push_back(joint.front());
  } else {
    runs.assign(joint.begin() + 1, joint.end());
  }
  if (rows == JointRows::kPassageAndCls) runs.push_back(cls);
  return runs;
}

Encoding XlnetEncoder::lower(std::span<const Segment> segments,
                             const ForwardOptions& options) const {
  Encoding encoding{embed(segments, options), packed_offsets(segments)};
  notify(options, -1, encoding.hidden);
  if (split_layer() == 0 || segments.empty()) return encoding;
  XlnetRows rows;
  for (const Segment& segment : segments) {
    const auto length = static_cast<std::int64_t>(segment.ids.size());
    const bool first = (segment.role == SegmentRole::kPassage) == order().passage_first;
    rows.keys.push_back(first ? nn::PositionRuns{{length, 0, kFirst}} : second_runs(length, 0));
  }
  rows.queries = rows.keys;
  const auto count = static_cast<std::size_t>(split_layer());
  const auto tables = distances(rows, {0, count}, options);
  for (std::size_t i = 0; i < count; ++i) {
    encoding.hidden = layers_[i].forward(encoding.hidden, layers_[i].project(encoding.hidden), rows,
                                         tables[i], options);
    notify(options, static_cast<std::int64_t>(i), encoding.hidden);
  }
  return encoding;
}

at::Tensor XlnetEncoder::project(const at::Tensor& hidden) const {
  return layers_[static_cast<std::size_t>(split_layer())].project(hidden).packed();
}

Encoding XlnetEncoder::upper(const Encoding& questions, const Encoding& passages,
                             std::span<const SegmentPair> pairs, JointRows rows,
                             const ForwardOptions& options) const {
  const JointPlan plan = plan_joint(questions, passages, pairs, order());
  const at::Device device = questions.hidden.device();
  RowSelection selection;
  std::optional<RowIndex> selected;
  if (rows != JointRows::kAll) {
    selection = select_rows(questions, passages, pairs, order(), rows);
    selected.emplace(selection.rows, device);
  }
  XlnetRows all;
  XlnetRows last;
  for (const SegmentPair& pair : pairs) {
    all.keys.push_back(joint_runs(questions.length(pair.question), passages.length(pair.passage)));
    last.queries.push_back(selected_runs(all.keys.back(), rows));
  }
  all.queries = all.keys;
  last.keys = all.keys;
  last.selected = selected ? &*selected : nullptr;
  const auto first = static_cast<std::size_t>(split_layer());
  const auto tables = distances(all, {first, layers_.size()}, options);
  at::Tensor hidden;
  XlnetProjection projected;
  if (passages.projections.defined()) {
    const PairJoin pair_join(questions, passages, pairs, order());
    hidden = pair_join.join(questions.hidden, passages.hidden);
    projected =
        XlnetProjection::unpack(pair_join.join(project(questions.hidden), passages.projections));
  } else {
    // Projected per segment, gathered per pair. Not as one packed tensor: the copy costs a question
    // by itself 1 % of its time.
    const at::Tensor segments = join_segments(questions, passages, order());
    const RowIndex joint(plan.rows, device);
    hidden = joint.take(segments);
    projected = layers_[first].project(segments).take(joint);
  }
  for (std::size_t i = first; i < layers_.size(); ++i) {
    if (i > first) projected = layers_[i].project(hidden);
    hidden = layers_[i].forward(hidden, projected, i + 1 == layers_.size() ? last : all,
                                tables[i - first], options);
    notify(options, static_cast<std::int64_t>(i), hidden);
  }
  return {drop(hidden, options), selected ? selection.offsets : plan.offsets};
}

}  // namespace deformer
