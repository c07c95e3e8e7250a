// What BERT's relatives call the weights of its encoder, and which of them they have.
#pragma once

#include <cstdint>

namespace deformer {

/// Rows of MPNet's table of distances.
inline constexpr std::int64_t kMpnetDistanceBuckets = 32;

/// The default is BERT's own.
struct BertNames {
  // Of a layer.
  const char* query = "attention.self.query";
  const char* key = "attention.self.key";
  const char* value = "attention.self.value";
  const char* attention_output = "attention.output.dense";
  const char* attention_norm = "attention.output.LayerNorm";
  const char* intermediate = "intermediate.dense";
  const char* output = "output.dense";
  const char* output_norm = "output.LayerNorm";
  // Of the encoder.
  const char* layers = "encoder.layer.";  ///< up to a layer's number
  // Null: the model has none.
  const char* token_types = "token_type_embeddings";  ///< a table of the embeddings
  const char* distance_bias = nullptr;  ///< what attention adds to its scores (nn/distance_bias.h)
  /// A dense layer from the embeddings' width to that of the layers, where the two differ.
  const char* embedding_projection = nullptr;
  /// Whether training drops values of attention's output.
  bool drops_attention_output = true;
};

inline constexpr BertNames kBertNames{};

/// Song et al., 2020.
inline constexpr BertNames kMpnetNames{.query = "attention.attn.q",
                                       .key = "attention.attn.k",
                                       .value = "attention.attn.v",
                                       .attention_output = "attention.attn.o",
                                       .attention_norm = "attention.LayerNorm",
                                       .token_types = nullptr,
                                       .distance_bias = "encoder.relative_attention_bias"};

/// Sanh et al., 2019.
inline constexpr BertNames kDistilBertNames{.query = "attention.q_lin",
                                            .key = "attention.k_lin",
                                            .value = "attention.v_lin",
                                            .attention_output = "attention.out_lin",
                                            .attention_norm = "sa_layer_norm",
                                            .intermediate = "ffn.lin1",
                                            .output = "ffn.lin2",
                                            .output_norm = "output_layer_norm",
                                            .layers = "transformer.layer.",
                                            .token_types = nullptr,
                                            .drops_attention_output = false};

/// Clark et al., 2020.
inline constexpr BertNames kElectraNames{.embedding_projection = "embeddings_project"};

}  // namespace deformer
