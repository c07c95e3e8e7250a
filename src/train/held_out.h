// Examples that training sets aside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "deformer/dataset.h"

namespace deformer {

/// `validation` as a data set that can be scored, and the examples on its texts taken out of
/// `dataset`. Throws kInvalidArgument for validation of another kind, without an example that has
/// its target, and when nothing would be left to train on.
[[nodiscard]] Dataset take_validation(Dataset& dataset, Dataset validation);

/// Moves the examples of whole passages, about `examples` of them, out of `dataset` into one that
/// can be scored: each has its target and an id of its own. Passages with one text move together;
/// the choice depends on texts and seed alone. Throws kInvalidArgument when nothing would be left
/// to train on.
[[nodiscard]] Dataset take_held_out(Dataset& dataset, std::size_t examples, std::uint64_t seed);

}  // namespace deformer
