// MPNet (Song et al., 2020): BERT's layers with a learned score for each distance.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& mpnet_architecture();

}  // namespace deformer
