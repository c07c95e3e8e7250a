// Texts that several tests read, and how exactly results agree.
#pragma once

#include <string>

#include "deformer/passage_store.h"

namespace deformer::test {

/// Of scores and logits: sums of values of size 10 in fp32.
inline constexpr double kTolerance = 1e-4;
/// Larger weights saturate attention and pooler until one word more or less changes nothing.
inline constexpr float kWeightScale = 0.15F;

inline const Passage kRiver{"river", "The river rose in March and fell in May."};
inline const Passage kTown{"town", "The people of the town moved their animals to the old mill."};

inline const std::string kShort = "The river rose in March.";
inline const std::string kLong =
    "In the spring of that year the river rose above its banks, and the people of the town moved "
    "their animals, their tools and their grain to the old mill on the hill, where they stayed.";

}  // namespace deformer::test
