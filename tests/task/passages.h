// Texts that several tests read, a passage whose states are no numbers, and how exactly results
// agree.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

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

/// The same passage, one value of its states, which are fp32, NaN.
inline std::shared_ptr<const EncodedPassage> with_nan(const EncodedPassage& passage) {
  const auto values = std::make_shared<std::vector<std::byte>>(passage.hidden.values.begin(),
                                                               passage.hidden.values.end());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(values->data(), &nan, sizeof(nan));
  auto spoiled = std::make_shared<EncodedPassage>(passage);
  spoiled->hidden.values = *values;
  spoiled->hidden.owner = values;
  return spoiled;
}

}  // namespace deformer::test
