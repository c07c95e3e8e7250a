// XLNet's segments: `first <sep>` and `second <sep> <cls>`, in this order.
#pragma once

#include "architecture/segment_layout.h"

namespace deformer {

/// The same for every Layout of XLNet: positions are relative, so each segment counts from 0, and
/// where the second stands after the first is the encoder's to say.
class XlnetLayout final : public SegmentLayout {
 public:
  XlnetLayout(PassagePlace place, const SpecialTokens& special_tokens)
      : SegmentLayout(place, Positions::kOwn), special_tokens_(special_tokens) {}

 private:
  [[nodiscard]] Segment first(SegmentRole role, std::span<const std::int32_t> ids) const override;
  [[nodiscard]] Segment second(SegmentRole role, std::span<const std::int32_t> ids,
                               std::int64_t first_tokens) const override;

  SpecialTokens special_tokens_;
};

}  // namespace deformer
