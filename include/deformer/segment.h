// What the lower layers take: a question or a passage window as token ids and positions.
#pragma once

#include <cstdint>
#include <vector>

namespace deformer {

/// The passage is what is computed once and reused, the question what is read anew (task.h).
enum class SegmentRole : std::uint8_t { kQuestion, kPassage };

/// A question or a window of a passage, special tokens included.
struct Segment {
  SegmentRole role = SegmentRole::kPassage;
  std::vector<std::int32_t> ids = {};
  std::vector<std::int32_t> positions = {};  ///< one per id
  std::int32_t type_id = 0;  ///< token type of all ids; XLNet goes by `role` and passage_place()
};

}  // namespace deformer
