// Questions that training sets aside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "deformer/dataset.h"
#include "deformer/pair_dataset.h"

namespace deformer {

// Each moves the questions of whole passages, about `questions` of them, out of `files` into one
// data set. Passages with one text move together; the choice depends on texts and seed alone.
// Throws kInvalidArgument when nothing would be left to train on.

/// Question ids of the result are unique, and each question has an answer or is impossible.
[[nodiscard]] SquadDataset take_held_out(std::vector<SquadDataset>& files, std::size_t questions,
                                         std::uint64_t seed);

/// Each example of the result has a label.
[[nodiscard]] PairDataset take_held_out(std::vector<PairDataset>& files, std::size_t questions,
                                        std::uint64_t seed);

/// Each question of the result has an answer.
[[nodiscard]] RaceDataset take_held_out(std::vector<RaceDataset>& files, std::size_t questions,
                                        std::uint64_t seed);

}  // namespace deformer
