#include "architecture/xlnet_layout.h"

#include <initializer_list>
#include <numeric>

namespace deformer {
namespace {

Segment make_segment(SegmentRole role, std::span<const std::int32_t> ids,
                     std::initializer_list<std::int32_t> suffix, std::int32_t type_id) {
  Segment segment{.role = role, .ids = {}, .positions = {}, .type_id = type_id};
  segment.ids.reserve(ids.size() + suffix.size());
  segment.ids.insert(segment.ids.end(), ids.begin(), ids.end());
  segment.ids.insert(segment.ids.end(), suffix);
  segment.positions.resize(segment.ids.size());
  std::iota(segment.positions.begin(), segment.positions.end(), 0);
  return segment;
}

}  // namespace

Segment XlnetLayout::first(SegmentRole role, std::span<const std::int32_t> ids) const {
  return make_segment(role, ids, {special_tokens_.sep}, 0);
}

Segment XlnetLayout::second(SegmentRole role, std::span<const std::int32_t> ids,
                            std::int64_t /*first_tokens*/) const {
  return make_segment(role, ids, {special_tokens_.sep, special_tokens_.cls}, 1);
}

}  // namespace deformer
