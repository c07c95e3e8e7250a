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
  const char* layers = "encoder.layer.";  ///< up to a layer's number, where layers have one
  bool shares_layers = false;             ///< one layer, without a number, takes the place of all
  // Null: the model has none.
  const char* positions = "position_embeddings";      ///< a table of the embeddings
  const char* token_types = "token_type_embeddings";  ///< a table of the embeddings
  const char* distance_bias = nullptr;  ///< what attention adds to its scores (nn/distance_bias.h)
  /// A dense layer from the embeddings' width to that of the layers, where the two differ.
  const char* embedding_projection = nullptr;
  bool always_projects = false;  ///< also where they do not differ
  // Whether training drops values of a sub-layer's output.
  bool drops_attention_output = true;
  bool drops_output = true;

  [[nodiscard]] bool projects_embeddings(std::int64_t embedding_width,
                                         std::int64_t hidden_size) const {
    return embedding_projection != nullptr && (always_projects || embedding_width != hidden_size);
  }
};

inline constexpr BertNames kBertNames{};

}  // namespace deformer
