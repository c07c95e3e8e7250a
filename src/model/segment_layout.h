// Where special tokens, token types and positions go around a question and around a passage window.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "deformer/encoder.h"
#include "deformer/model_config.h"
#include "deformer/tokenizer.h"

namespace deformer {

/// Owned by the architecture. Immutable, safe for concurrent calls.
class SegmentLayout {
 public:
  virtual ~SegmentLayout() = default;

  /// `ids` without special tokens; the caller has cut them to max_question_tokens.
  [[nodiscard]] virtual Segment question(std::span<const std::int32_t> ids) const = 0;

  /// `ids`: one window, without special tokens. `question_tokens`: length of the question's
  /// segment, special tokens included; read only when passage_depends_on_question().
  [[nodiscard]] virtual Segment passage(std::span<const std::int32_t> ids,
                                        std::int64_t question_tokens) const = 0;

  /// Rows of a passage segment after its own tokens (BERT: one [SEP]); no special token stands
  /// before them.
  [[nodiscard]] virtual std::int64_t passage_suffix_tokens() const noexcept = 0;

  /// True for layout `continue`: then a passage segment belongs to one question length and cannot
  /// be precomputed.
  [[nodiscard]] virtual bool passage_depends_on_question() const noexcept = 0;
};

/// Defined beside the other factories, in architecture.cpp.
[[nodiscard]] std::unique_ptr<const SegmentLayout> make_segment_layout(
    const ModelConfig& config, const SpecialTokens& special_tokens);

}  // namespace deformer
