// BERT's record.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& bert_architecture();

}  // namespace deformer
