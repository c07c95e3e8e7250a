// Scores a model as its users would run it, while it is trained too.
#pragma once

#include <memory>

#include "deformer/dataset.h"
#include "deformer/model.h"
#include "deformer/training.h"
#include "deformer/types.h"

namespace deformer {

/// The score of examples set aside, all with their targets, at the model's split; its `step` is
/// left at 0. Labels are numbered as the model's. `progress` counts examples; what it throws leaves
/// as it is.
[[nodiscard]] TrainingScore evaluate_reader(const std::shared_ptr<const Model>& model,
                                            const Dataset& held_out,
                                            const ProgressCallback& progress = nullptr);

}  // namespace deformer
