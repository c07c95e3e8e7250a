// What DeBERTa's checkpoints call the weights that it has in common with BERT.
#pragma once

#include "architecture/bert_names.h"

namespace deformer {

inline constexpr BertNames kDebertaNames{.query = "attention.self.query_proj",
                                         .key = "attention.self.key_proj",
                                         .value = "attention.self.value_proj",
                                         .positions = nullptr,
                                         .token_types = nullptr};

// Of positions, where they have projections of their own.
inline constexpr const char* kDebertaPositionQuery = "attention.self.pos_query_proj";
inline constexpr const char* kDebertaPositionKey = "attention.self.pos_key_proj";

}  // namespace deformer
