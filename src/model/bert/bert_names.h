// The names of weights in BERT's family.
#pragma once

#include <cstdint>

namespace deformer {

/// Rows of MPNet's table of distances.
inline constexpr std::int64_t kMpnetDistanceBuckets = 32;

/// What a relative of BERT calls the weights of its encoder, and which of them it has.
struct BertNames {
  // Of a layer.
  const char* query;
  const char* key;
  const char* value;
  const char* attention_output;
  const char* attention_norm;
  // Of all layers; null: the model has none.
  const char* token_types;    ///< a table of the embeddings
  const char* distance_bias;  ///< what attention adds to its scores (nn/distance_bias.h)
};
inline constexpr BertNames kBertNames{.query = "attention.self.query",
                                      .key = "attention.self.key",
                                      .value = "attention.self.value",
                                      .attention_output = "attention.output.dense",
                                      .attention_norm = "attention.output.LayerNorm",
                                      .token_types = "token_type_embeddings",
                                      .distance_bias = nullptr};
/// Song et al., 2020.
inline constexpr BertNames kMpnetNames{.query = "attention.attn.q",
                                       .key = "attention.attn.k",
                                       .value = "attention.attn.v",
                                       .attention_output = "attention.attn.o",
                                       .attention_norm = "attention.LayerNorm",
                                       .token_types = nullptr,
                                       .distance_bias = "encoder.relative_attention_bias"};

}  // namespace deformer
