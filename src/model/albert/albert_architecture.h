// ALBERT (Lan et al., 2020): BERT with narrow embeddings and one layer's weights for all layers.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& albert_architecture();

}  // namespace deformer
