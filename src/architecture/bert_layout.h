// BERT's segments: `[CLS] first [SEP]` and `second [SEP]`, token types 0 and 1. MPNet's
// are the same with `<s>` and `</s>`, of which an ordinary checkpoint's rows have two in between.
#pragma once

#include "architecture/segment_layout.h"

namespace deformer {

/// What relatives of BERT do otherwise around a text.
struct BertFrame {
  std::int32_t first_position = 0;
  bool doubles_separator = false;  ///< layout `continue`: `[CLS] first [SEP] [SEP] second [SEP]`
  std::int32_t second_type = 1;    ///< token type of the second segment; the first has 0
};
inline constexpr BertFrame kBertFrame{};
/// MPNet and RoBERTa leave positions 0 and 1 to padding.
inline constexpr BertFrame kMpnetFrame{.first_position = 2, .doubles_separator = true};
inline constexpr BertFrame kRobertaFrame{
    .first_position = 2, .doubles_separator = true, .second_type = 0};

class BertLayout final : public SegmentLayout {
 public:
  BertLayout(PassagePlace place, Layout layout, const SpecialTokens& special_tokens,
             const BertFrame& frame = kBertFrame)
      : SegmentLayout(place,
                      layout == Layout::kContinue ? Positions::kAfterFirst : Positions::kOwn),
        layout_(layout),
        special_tokens_(special_tokens),
        frame_(frame) {}

 private:
  [[nodiscard]] Segment first(SegmentRole role, std::span<const std::int32_t> ids) const override;
  [[nodiscard]] Segment second(SegmentRole role, std::span<const std::int32_t> ids,
                               std::int64_t first_tokens) const override;

  Layout layout_;
  SpecialTokens special_tokens_;
  BertFrame frame_;
};

}  // namespace deformer
