// Examples that training sets aside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "deformer/dataset.h"
#include "deformer/tokenizer.h"

namespace deformer {

/// `validation` as a data set that can be scored, and the examples on its texts taken out of
/// `dataset`. Throws kInvalidArgument for validation of another kind, without an example that has
/// its target, and when nothing would be left to train on.
[[nodiscard]] Dataset take_validation(Dataset& dataset, Dataset validation);

/// Moves the examples of whole passages, about `examples` of them, out of `dataset` into one that
/// can be scored: each has its target and an id of its own. Passages with one text move together;
/// the choice depends on texts and seed alone. Throws kInvalidArgument when nothing would be left
/// to train on, and when no example of `dataset` has a target.
[[nodiscard]] Dataset take_held_out(Dataset& dataset, std::size_t examples, std::uint64_t seed);

/// Leaves out the questions for a span that have no token, and so no answer. Returns the first
/// one's id; nullopt where there is none.
std::optional<std::string> leave_out_blank_questions(Dataset& dataset, const Tokenizer& tokenizer);

}  // namespace deformer
