#include "architecture/bert_layout.h"

#include <numeric>

namespace deformer {
namespace {

std::vector<std::int32_t> count_from(std::int64_t first, std::size_t size) {
  std::vector<std::int32_t> positions(size);
  std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(first));
  return positions;
}

}  // namespace

Segment BertLayout::first(SegmentRole role, std::span<const std::int32_t> ids) const {
  Segment segment{.role = role, .ids = {}, .positions = {}, .type_id = 0};
  segment.ids.reserve(ids.size() + 3);
  segment.ids.push_back(special_tokens_.cls);
  segment.ids.insert(segment.ids.end(), ids.begin(), ids.end());
  segment.ids.push_back(special_tokens_.sep);
  if (frame_.doubles_separator && layout_ == Layout::kContinue) {
    segment.ids.push_back(special_tokens_.sep);
  }
  segment.positions = count_from(frame_.first_position, segment.ids.size());
  return segment;
}

Segment BertLayout::second(SegmentRole role, std::span<const std::int32_t> ids,
                           std::int64_t first_tokens) const {
  Segment segment{.role = role, .ids = {}, .positions = {}, .type_id = frame_.second_type};
  segment.ids.reserve(ids.size() + 1);
  segment.ids.insert(segment.ids.end(), ids.begin(), ids.end());
  segment.ids.push_back(special_tokens_.sep);
  const std::int64_t first = layout_ == Layout::kContinue ? first_tokens : 0;
  segment.positions = count_from(frame_.first_position + first, segment.ids.size());
  return segment;
}

}  // namespace deformer
