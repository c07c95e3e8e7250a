// What an architecture is to the rest of the project: one record, made in its own file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "deformer/model_config.h"
#include "deformer/tokenizer.h"
#include "format/weight_group.h"

namespace deformer {

struct BertNames;
class JsonPlace;
class SegmentLayout;

/// How config.json spells what all architectures have. BERT's names of hidden size, layers and
/// heads are read as well.
struct SizeKeys {
  const char* hidden_size;
  const char* num_hidden_layers;
  const char* num_attention_heads;
  const char* intermediate_size;
  const char* hidden_act;
  const char* old_vocab_size = "vocab_size";  ///< another name of it, which is read as well
};

/// What a head for classes or choices puts between its two layers.
enum class PoolerActivation : std::uint8_t { kTanh, kRelu, kGelu };

/// A head for classes or choices: scopes of its weights, Hugging Face's names.
struct PooledHeadForm {
  std::string pooler;  ///< e.g. "bert.pooler.dense", "sequence_summary.summary"
  std::string output;  ///< e.g. "classifier", "logits_proj"
  PoolerActivation activation = PoolerActivation::kTanh;

  friend bool operator==(const PooledHeadForm&, const PooledHeadForm&) = default;
};

/// Where a checkpoint keeps the encoder's weights: beginnings of canonical names. A layer's is
/// root + "." + layers + its number + what it is.
struct WeightPlaces {
  std::string_view root;                     ///< the encoder's, e.g. "bert"
  std::string_view layers;                   ///< after the root, up to the number: "encoder.layer."
  std::string_view attention;                ///< after the number: ".attention."
  std::string_view embeddings;               ///< after the root
  std::span<const std::string_view> shared;  ///< after the root: what all layers share
  /// Beginnings of names that a file saved from the bare encoder has, without the root.
  std::span<const std::string_view> bare;
  /// Beginnings of names that ordinary checkpoints carry and no model needs.
  std::span<const std::string_view> unused;
};

/// A model whose sizes are known: `--random`, published_model_config().
struct PublishedSizes {
  std::string_view name;
  std::int64_t layers;
  std::int64_t hidden;
  std::int64_t heads;
  std::int64_t inner;
  int split_layer;
  std::int64_t vocabulary;
  std::int64_t positions;           ///< 0: no table
  std::int64_t embedding_size = 0;  ///< see ModelConfig
  Activation hidden_act = Activation::kGeluErf;
  DistanceConfig distances = {};
  std::int64_t token_types = 2;
  double layer_norm_eps = 1e-12;
};

/// A key that only this architecture's config.json has.
using ConfigEntry = std::pair<const char*, std::variant<std::int64_t, std::string, bool>>;

/// Whether a checkpoint holds a weight of that canonical name.
using HasWeight = std::function<bool(std::string_view name)>;

/// What a published checkpoint keeps its vocabulary in.
struct VocabularyFile {
  const char* file;
  const char* name;                 ///< in a model directory
  const char* companion = nullptr;  ///< a second file that belongs to it; null: none
};
inline constexpr VocabularyFile kWordPieceFiles[] = {
    {"vocab.txt", "vocab.txt"}, {"bert.vocab", "vocab.txt"}, {"tokenizer.json", "tokenizer.json"}};

/// Everything that differs between architectures. The rest of the project asks the record; none of
/// it names an architecture. A new one is a file beside bert.cpp and a line in architecture.cpp;
/// where its layers are new as well, an encoder in src/model.
struct Architecture {
  // ---- config.json
  std::string_view model_type;         ///< "bert"
  std::string_view class_prefix;       ///< of Hugging Face's classes: "Bert"
  std::string_view span_class_suffix;  ///< of the class that reads spans
  SizeKeys size_keys;
  /// The first one is that of decomposed models.
  std::span<const Layout> layouts;
  PassagePlace span_passage_place;  ///< of the passage, where spans are read
  /// Reads what is the architecture's own, once the common sizes are there, and refuses switches
  /// that change what the layers compute. Throws as load_model_config(). The task is set.
  void (*read_config)(const JsonPlace& root, ModelConfig& config);
  std::vector<ConfigEntry> (*write_config)(const ModelConfig& config);
  /// What is wrong with the sizes, beyond what all architectures ask for.
  std::optional<std::string> (*check_sizes)(const ModelConfig& config);

  // ---- Text
  /// Of its checkpoints, in the order in which they are looked for.
  std::span<const VocabularyFile> vocabularies;
  bool lower_case;  ///< do_lower_case where nothing says it
  std::unique_ptr<const SegmentLayout> (*make_layout)(const ModelConfig& config,
                                                      const SpecialTokens& special_tokens);

  // ---- Weights
  WeightPlaces weights;
  PooledHeadForm class_head;
  PooledHeadForm choice_head;
  /// Appends the groups that an encoder of `layers` layers is made of.
  void (*add_weights)(const ModelConfig& config, std::int64_t layers, const HasWeight& has,
                      std::vector<WeightGroup>& groups);
  /// Whose layers it computes with (model/make_encoder.h): "bert", "xlnet", "deberta".
  std::string_view encoder;
  /// What these layers call their weights, where architectures differ in that alone; null: the
  /// encoder knows its own.
  const BertNames* names = nullptr;

  /// All layers have the same weights, which are in memory once: `weights.layers` is empty and
  /// `weights.shared` names them.
  bool shares_layers = false;

  // ---- Describing and measuring
  /// Where a score knows a row's place from, in words; null: a table of positions alone.
  std::string (*describe_positions)(const ModelConfig& config) = nullptr;
  /// Products of every row with every other one that a head of a layer makes: the scores of the
  /// contents, their use, and where it has them the scores of the positions.
  int attention_products;
  std::span<const PublishedSizes> published;
};

/// All that are known, in the order in which lists name them.
[[nodiscard]] std::span<const Architecture* const> architectures();

/// Null for an unknown one.
[[nodiscard]] const Architecture* find_architecture(std::string_view model_type);

/// Throws kUnsupported naming those that are known.
[[nodiscard]] const Architecture& architecture(std::string_view model_type);
[[nodiscard]] const Architecture& architecture_of(const ModelConfig& config);

/// "bert, xlnet, ... or electra"
[[nodiscard]] std::string architecture_list();

/// Adds one that lives elsewhere (tests). The record stays valid for the life of the process. Not
/// safe beside other calls.
void register_architecture(const Architecture& added);

// ---- What follows from a record

[[nodiscard]] const PooledHeadForm& pooled_head_form(const Architecture& architecture,
                                                     TaskKind task);

/// "absolute, a table of 514, of which 512 are used" unless the record has words of its own.
[[nodiscard]] std::string describe_positions(const ModelConfig& config);

/// "absolute, a table of 514, of which 512 are used": without an architecture's own words.
[[nodiscard]] std::string describe_position_table(const ModelConfig& config);

/// A weight's name around the number of its layer: "bert.encoder.layer.", 3, ".output.dense.bias".
struct LayerName {
  std::string_view before;
  int layer = 0;
  std::string_view rest;
};
/// Nothing for a weight of no layer, or of what all layers share. Views of `name`.
[[nodiscard]] std::optional<LayerName> find_layer_name(const Architecture& architecture,
                                                       std::string_view name);

/// The layer that a weight belongs to: -1 for the embeddings and what all layers share,
/// num_hidden_layers for what follows the layers (poolers, heads).
[[nodiscard]] std::int64_t layer_of_weight(const ModelConfig& config, std::string_view name);

/// True for the embeddings, for what all layers share and the weights of layers [0, split_layer):
/// what a stored hidden state depends on.
[[nodiscard]] bool is_lower_weight(const ModelConfig& config, std::string_view name);

/// True for the attention of the first upper layer: what projections depend on beside the states
/// (Encoder::project()). What all layers share is a lower weight.
[[nodiscard]] bool is_projection_weight(const ModelConfig& config, std::string_view name);

}  // namespace deformer
