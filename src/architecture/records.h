// The records of the architectures that are known. Each is defined in the file of its name.
#pragma once

#include "architecture/architecture.h"

namespace deformer {

/// Lan et al., 2020: BERT with narrow embeddings and one layer's weights for all layers.
[[nodiscard]] const Architecture& albert_architecture();
/// Devlin et al., 2019.
[[nodiscard]] const Architecture& bert_architecture();
/// Martin et al., 2020: RoBERTa's layers over SentencePiece.
[[nodiscard]] const Architecture& camembert_architecture();
/// DeBERTa v2 and v3 (He et al., 2021): BERT's layers, whose attention scores contents and
/// distances apart.
[[nodiscard]] const Architecture& deberta_architecture();
/// Sanh et al., 2019: BERT's layers under other names, without token types.
[[nodiscard]] const Architecture& distilbert_architecture();
/// ELECTRA's discriminator (Clark et al., 2020): BERT, its embeddings of a width of their own.
[[nodiscard]] const Architecture& electra_architecture();
/// Song et al., 2020: BERT's layers with a learned score for each distance.
[[nodiscard]] const Architecture& mpnet_architecture();
/// Liu et al., 2019.
[[nodiscard]] const Architecture& roberta_architecture();
/// Yang et al., 2019.
[[nodiscard]] const Architecture& xlnet_architecture();
/// Conneau et al., 2020: RoBERTa's layers over SentencePiece.
[[nodiscard]] const Architecture& xlm_roberta_architecture();

}  // namespace deformer
