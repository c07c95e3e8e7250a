// XLNet's segments: `window <sep>` and `question <sep> <cls>`, in this order.
#pragma once

#include "model/segment_layout.h"

namespace deformer {

/// The same for every Layout of XLNet: positions are relative, so each segment counts from 0, and
/// where a question stands after its passage is the encoder's to say.
class XlnetLayout final : public SegmentLayout {
 public:
  explicit XlnetLayout(const SpecialTokens& special_tokens) : special_tokens_(special_tokens) {}

  [[nodiscard]] Segment question(std::span<const std::int32_t> ids) const override;
  [[nodiscard]] Segment passage(std::span<const std::int32_t> ids,
                                std::int64_t question_tokens) const override;
  [[nodiscard]] std::int64_t passage_suffix_tokens() const noexcept override { return 1; }
  [[nodiscard]] bool passage_depends_on_question() const noexcept override { return false; }

 private:
  SpecialTokens special_tokens_;
};

}  // namespace deformer
