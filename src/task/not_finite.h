// What is said when a pass ends in values that are not numbers.
#pragma once

#include <cstdint>
#include <string>

namespace deformer {

class Model;

/// Where the states of a passage came from.
enum class StatesOrigin : std::uint8_t { kComputed, kStored };

/// Throws kCorrupt. Where a weight of the model is not finite, with its file and tensor: reads all
/// of them. Else with the passage and what is left to blame: weights too large for the arithmetic,
/// and states that were stored.
[[noreturn]] void refuse_not_finite(const Model& model, const std::string& passage_id,
                                    StatesOrigin origin);

}  // namespace deformer
