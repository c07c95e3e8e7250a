// ELECTRA's discriminator (Clark et al., 2020): BERT, its embeddings of a width of their own.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& electra_architecture();

}  // namespace deformer
