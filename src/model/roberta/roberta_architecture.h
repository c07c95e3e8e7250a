// RoBERTa (Liu et al., 2019) and what has its layers: XLM-R and CamemBERT.
#pragma once

#include "model/architecture.h"

namespace deformer {

[[nodiscard]] const Architecture& roberta_architecture();
[[nodiscard]] const Architecture& xlm_roberta_architecture();
[[nodiscard]] const Architecture& camembert_architecture();

}  // namespace deformer
