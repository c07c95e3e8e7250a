// BERT's record, and what its relatives take from it. Free of LibTorch.
#pragma once

#include <string>
#include <vector>

#include "model/architecture.h"
#include "model/bert/bert_names.h"

namespace deformer {

[[nodiscard]] const Architecture& bert_architecture();

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

/// The weights of an encoder with these names under `root`.
[[nodiscard]] WeightGroup bert_weights(const ModelConfig& config, const BertNames& names,
                                       const std::string& root, std::int64_t layers);

}  // namespace deformer
