// What the records of BERT and its relatives have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "architecture/architecture.h"
#include "architecture/bert_layout.h"
#include "architecture/bert_names.h"

namespace deformer {

/// config.json's spelling of the sizes, which most relatives share.
inline constexpr SizeKeys kBertSizeKeys{.hidden_size = "hidden_size",
                                        .num_hidden_layers = "num_hidden_layers",
                                        .num_attention_heads = "num_attention_heads",
                                        .intermediate_size = "intermediate_size",
                                        .hidden_act = "hidden_act"};
inline constexpr Layout kBertLayouts[] = {Layout::kRestart, Layout::kContinue};

/// `max_position_embeddings`, and refuses decoders and pruned heads.
void read_bert_positions(const JsonPlace& root, ModelConfig& config);

/// That, `type_vocab_size`, and refuses positions that are not absolute.
void read_bert_config(const JsonPlace& root, ModelConfig& config);
[[nodiscard]] std::vector<ConfigEntry> write_bert_config(const ModelConfig& config);
/// For models whose segments have types 0 and 1.
[[nodiscard]] std::optional<std::string> check_bert_sizes(const ModelConfig& config);

[[nodiscard]] std::optional<std::string> check_bert_positions(const ModelConfig& config);

/// After the root, without a dot at the end.
[[nodiscard]] std::string layer_name(const BertNames& names, std::int64_t layer);

/// The weights of an encoder with these names under `root`.
[[nodiscard]] WeightGroup bert_weights(const ModelConfig& config, const BertNames& names,
                                       const std::string& root, std::int64_t layers);

/// A relative, as far as data says it.
struct BertForm {
  std::string_view model_type;
  std::string_view class_prefix;
  std::string_view root;  ///< of the weights
  BertNames names = kBertNames;
  BertFrame frame = kBertFrame;
};

/// BERT's record without names and heads.
[[nodiscard]] Architecture bert_family_base();

/// The record of the relative, for it to change what is its own: BERT's configuration, WordPiece,
/// no heads, no published sizes.
template <const BertForm& kForm>
[[nodiscard]] Architecture bert_family_record() {
  Architecture record = bert_family_base();
  record.model_type = kForm.model_type;
  record.class_prefix = kForm.class_prefix;
  record.weights.root = kForm.root;
  record.weights.layers = kForm.names.shares_layers ? "" : kForm.names.layers;
  record.shares_layers = kForm.names.shares_layers;
  record.make_layout =
      [](const ModelConfig& config,
         const SpecialTokens& special_tokens) -> std::unique_ptr<const SegmentLayout> {
    return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                              special_tokens, kForm.frame);
  };
  record.add_weights = [](const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                          std::vector<WeightGroup>& groups) {
    const std::string root = std::string(kForm.root) + ".";
    groups.push_back(bert_weights(config, kForm.names, root, layers));
  };
  record.names = &kForm.names;
  return record;
}

}  // namespace deformer
