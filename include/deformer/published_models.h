// Sizes of models that others published, for measuring with random weights (Model::random).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/model_config.h"

namespace deformer {

/// "bert-base", "xlnet-base", "mpnet-base", "roberta-base", ... , by architecture.
[[nodiscard]] DEFORMER_EXPORT std::vector<std::string> published_model_names();

/// The configuration of a published model: BERT uncased (Devlin et al., 2019), XLNet cased (Yang et
/// al., 2019), MiniLM-L6-H384 (Wang et al., 2020). The split is the paper's (Cao et al., ACL 2020:
/// BERT-base 9, XLNet-base 8; BERT-large 20, which is what its 47.7 GFLOPs of table 3 come to);
/// models of BERT's layers and size take BERT's; any other model is split at two thirds of its
/// layers. Layout and lengths are the published ones of SQuAD (SplitConfig). Throws
/// kInvalidArgument naming the known models.
[[nodiscard]] DEFORMER_EXPORT ModelConfig published_model_config(std::string_view name);

}  // namespace deformer
