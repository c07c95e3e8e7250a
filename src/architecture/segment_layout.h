// Where special tokens, token types and positions go around a question and around a passage window.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "deformer/model_config.h"
#include "deformer/tokenizer.h"
#include "deformer/types.h"

namespace deformer {

/// An architecture says what the first and the second segment of a joint sequence look like; which
/// of them is the passage is the configuration's choice (passage_place). Immutable, safe for
/// concurrent calls.
class SegmentLayout {
 public:
  /// How the second segment's positions relate to the first one.
  enum class Positions : std::uint8_t {
    kOwn,         ///< they count from 0: each segment can be made without the other
    kAfterFirst,  ///< they begin after the first segment's last
  };

  SegmentLayout(PassagePlace place, Positions positions)
      : passage_first_(place == PassagePlace::kFirst), positions_(positions) {}
  virtual ~SegmentLayout() = default;

  /// `ids` without special tokens; the caller has cut them to max_question_tokens.
  /// `passage_tokens`: length of the passage's segment, special tokens included; read only when
  /// question_depends_on_passage().
  [[nodiscard]] Segment question(std::span<const std::int32_t> ids,
                                 std::int64_t passage_tokens = 0) const {
    return passage_first_ ? second(SegmentRole::kQuestion, ids, passage_tokens)
                          : first(SegmentRole::kQuestion, ids);
  }

  /// `ids`: one window, without special tokens. `question_tokens`: length of the question's
  /// segment, special tokens included; read only when passage_depends_on_question().
  [[nodiscard]] Segment passage(std::span<const std::int32_t> ids,
                                std::int64_t question_tokens) const {
    return passage_first_ ? first(SegmentRole::kPassage, ids)
                          : second(SegmentRole::kPassage, ids, question_tokens);
  }

  /// Rows of a passage segment beside its own tokens. Where spans are read from it they stand after
  /// the tokens: no special token comes first (BERT: one [SEP]).
  [[nodiscard]] std::int64_t passage_special_tokens() const {
    return static_cast<std::int64_t>(passage({}, 0).ids.size());
  }

  /// True for BERT's layout `continue` with the passage second: then a passage segment belongs to
  /// one question length and cannot be precomputed.
  [[nodiscard]] bool passage_depends_on_question() const noexcept {
    return positions_ == Positions::kAfterFirst && !passage_first_;
  }
  /// True for the same layout with the passage first.
  [[nodiscard]] bool question_depends_on_passage() const noexcept {
    return positions_ == Positions::kAfterFirst && passage_first_;
  }

 private:
  [[nodiscard]] virtual Segment first(SegmentRole role,
                                      std::span<const std::int32_t> ids) const = 0;
  /// `first_tokens`: length of the first segment; read only with Positions::kAfterFirst.
  [[nodiscard]] virtual Segment second(SegmentRole role, std::span<const std::int32_t> ids,
                                       std::int64_t first_tokens) const = 0;

  bool passage_first_;
  Positions positions_;
};

/// As the configuration's architecture has it.
[[nodiscard]] std::unique_ptr<const SegmentLayout> make_segment_layout(
    const ModelConfig& config, const SpecialTokens& special_tokens);

}  // namespace deformer
