#include "architecture/architecture.h"

#include <algorithm>
#include <charconv>

#include "architecture/config_check.h"
#include "architecture/records.h"
#include "architecture/segment_layout.h"
#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {
namespace {

std::vector<const Architecture*>& list() {
  static std::vector<const Architecture*> known{
      &bert_architecture(),       &xlnet_architecture(),       &mpnet_architecture(),
      &roberta_architecture(),    &xlm_roberta_architecture(), &camembert_architecture(),
      &distilbert_architecture(), &albert_architecture(),      &deberta_architecture(),
      &electra_architecture()};
  return known;
}

// A layer's number and what of a weight's name follows it.
struct LayerWeight {
  int layer = 0;
  std::string_view rest;
};

// Removes the root and the dot behind it. Nothing for a weight outside the encoder.
std::optional<std::string_view> inside_root(const WeightPlaces& places, std::string_view name) {
  if (!name.starts_with(places.root)) return std::nullopt;
  name.remove_prefix(places.root.size());
  if (!name.starts_with('.')) return std::nullopt;
  return name.substr(1);
}

// Nothing for a weight of no layer. `name` is one inside the root.
std::optional<LayerWeight> find_layer(const WeightPlaces& places, std::string_view name) {
  if (places.layers.empty() || !name.starts_with(places.layers)) return std::nullopt;
  name.remove_prefix(places.layers.size());
  LayerWeight found;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), found.layer);
  if (parsed.ec != std::errc()) return std::nullopt;
  found.rest = name.substr(static_cast<std::size_t>(parsed.ptr - name.data()));
  return found;
}

}  // namespace

std::span<const Architecture* const> architectures() {
  return list();
}

void register_architecture(const Architecture& added) {
  list().push_back(&added);
}

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture* known : architectures()) {
    if (known->model_type == model_type) return known;
  }
  return nullptr;
}

const Architecture& architecture(std::string_view model_type) {
  if (const Architecture* found = find_architecture(model_type)) return *found;
  throw Error(ErrorCode::kUnsupported,
              "architecture: expected " + architecture_list() + ", found " + in_quotes(model_type));
}

const Architecture& architecture_of(const ModelConfig& config) {
  return architecture(config.architecture);
}

std::string architecture_list() {
  std::string text;
  for (const Architecture* known : architectures()) {
    if (!text.empty()) text += known == architectures().back() ? " or " : ", ";
    text += known->model_type;
  }
  return text;
}

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const Architecture* known : architectures()) names.emplace_back(known->model_type);
  return names;
}

const PooledHeadForm& pooled_head_form(const Architecture& architecture, TaskKind task) {
  return task == TaskKind::kChoice ? architecture.choice_head : architecture.class_head;
}

std::unique_ptr<const SegmentLayout> make_segment_layout(const ModelConfig& config,
                                                         const SpecialTokens& special_tokens) {
  return architecture_of(config).make_layout(config, special_tokens);
}

std::string describe_position_table(const ModelConfig& config) {
  const std::int64_t rows = config.max_position_embeddings;
  const std::int64_t used = usable_positions(config).value_or(rows);
  std::string text = "absolute, a table of " + std::to_string(rows);
  if (used != rows) text += ", of which " + std::to_string(used) + " are used";
  return text;
}

std::string describe_positions(const ModelConfig& config) {
  const Architecture& architecture = architecture_of(config);
  return architecture.describe_positions != nullptr ? architecture.describe_positions(config)
                                                    : describe_position_table(config);
}

std::optional<LayerName> find_layer_name(const Architecture& architecture, std::string_view name) {
  const auto inside = inside_root(architecture.weights, name);
  if (!inside) return std::nullopt;
  const auto found = find_layer(architecture.weights, *inside);
  if (!found) return std::nullopt;
  const std::size_t before = name.size() - inside->size() + architecture.weights.layers.size();
  return LayerName{name.substr(0, before), found->layer, found->rest};
}

std::int64_t layer_of_weight(const ModelConfig& config, std::string_view name) {
  constexpr std::int64_t kBeforeLayers = -1;
  const WeightPlaces& places = architecture_of(config).weights;
  const auto inside = inside_root(places, name);
  if (!inside) return config.num_hidden_layers;
  if (inside->starts_with(places.embeddings)) return kBeforeLayers;
  const auto is_shared = [&](std::string_view shared) { return inside->starts_with(shared); };
  if (std::any_of(places.shared.begin(), places.shared.end(), is_shared)) return kBeforeLayers;
  const auto found = find_layer(places, *inside);
  return found ? found->layer : config.num_hidden_layers;
}

bool is_lower_weight(const ModelConfig& config, std::string_view name) {
  return layer_of_weight(config, name) < config.split.split_layer;
}

bool is_projection_weight(const ModelConfig& config, std::string_view name) {
  const WeightPlaces& places = architecture_of(config).weights;
  const auto inside = inside_root(places, name);
  if (!inside) return false;
  const auto found = find_layer(places, *inside);
  return found && found->layer == config.split.split_layer &&
         found->rest.starts_with(places.attention);
}

}  // namespace deformer
