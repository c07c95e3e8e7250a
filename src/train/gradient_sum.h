// Adds up what the processes of a group computed of one step.
#pragma once

#include <vector>

#include "deformer/encoder.h"
#include "train/process_group.h"

namespace deformer {

/// Replaces every gradient, and the numbers of `more`, by their sums over all ranks. A parameter
/// without a gradient counts as 0 and is given one. Throws as ProcessGroup::sum().
void sum_gradients(const std::vector<Parameter>& parameters, std::vector<double>& more,
                   ProcessGroup& group);

}  // namespace deformer
