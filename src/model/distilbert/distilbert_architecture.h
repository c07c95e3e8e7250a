// DistilBERT (Sanh et al., 2019): BERT's layers under other names, without token types.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& distilbert_architecture();

}  // namespace deformer
