// What is said when a pass ends in values that are not numbers.
#pragma once

#include <string>

namespace deformer {

class Model;

/// Throws kCorrupt. Where a weight of the model is not finite, with its file and tensor: reads all
/// of them. Else with the passage, whose stored states are then the likely place.
[[noreturn]] void refuse_not_finite(const Model& model, const std::string& passage_id);

}  // namespace deformer
