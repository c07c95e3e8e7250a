// BERT's segments: `[CLS] question [SEP]` and `window [SEP]`, token types 0 and 1.
#pragma once

#include "model/segment_layout.h"

namespace deformer {

class BertLayout final : public SegmentLayout {
 public:
  BertLayout(Layout layout, const SpecialTokens& special_tokens)
      : layout_(layout), special_tokens_(special_tokens) {}

  [[nodiscard]] Segment question(std::span<const std::int32_t> ids) const override;
  [[nodiscard]] Segment passage(std::span<const std::int32_t> ids,
                                std::int64_t question_tokens) const override;
  [[nodiscard]] std::int64_t passage_suffix_tokens() const noexcept override { return 1; }
  [[nodiscard]] bool passage_depends_on_question() const noexcept override {
    return layout_ == Layout::kContinue;
  }

 private:
  Layout layout_;
  SpecialTokens special_tokens_;
};

}  // namespace deformer
