// BERT's segments: `[CLS] first [SEP]` and `second [SEP]`, token types 0 and 1.
#pragma once

#include "model/segment_layout.h"

namespace deformer {

class BertLayout final : public SegmentLayout {
 public:
  BertLayout(PassagePlace place, Layout layout, const SpecialTokens& special_tokens)
      : SegmentLayout(place,
                      layout == Layout::kContinue ? Positions::kAfterFirst : Positions::kOwn),
        layout_(layout),
        special_tokens_(special_tokens) {}

 private:
  [[nodiscard]] Segment first(SegmentRole role, std::span<const std::int32_t> ids) const override;
  [[nodiscard]] Segment second(SegmentRole role, std::span<const std::int32_t> ids,
                               std::int64_t first_tokens) const override;

  Layout layout_;
  SpecialTokens special_tokens_;
};

}  // namespace deformer
