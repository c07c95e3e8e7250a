// Questions, windows and answers as token ids: what an epoch runs over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/dataset.h"
#include "deformer/model_config.h"
#include "deformer/tokenizer.h"
#include "deformer/training.h"

namespace deformer {

/// A question on one window. For spans tokens [first, last] of the window (both included) are
/// the answer; both -1: the window has none.
struct TrainingPair {
  std::uint32_t question = 0;
  std::uint32_t window = 0;
  std::int32_t first = -1;
  std::int32_t last = -1;

  [[nodiscard]] bool has_answer() const noexcept { return first >= 0; }
};

/// Ids without special tokens, questions cut to max_question_tokens.
struct TrainingSet {
  std::string data_name;  ///< Dataset::name
  std::vector<std::vector<std::int32_t>> questions;
  std::vector<std::string> question_ids;  ///< for messages
  std::vector<std::vector<std::int32_t>> windows;
  std::vector<TrainingPair> pairs;  ///< those of one window stand together
  /// An example, what one target belongs to, is this many pairs in a row, all on one window: the
  /// choices of a question; else 1.
  std::size_t pairs_per_example = 1;
  std::vector<std::int32_t> labels;  ///< by example: the right class or choice; empty for spans
  bool no_answer = false;            ///< some pair has none: [CLS] is a candidate
  TrainingDataReport report;

  [[nodiscard]] std::size_t num_examples() const noexcept {
    return pairs.size() / pairs_per_example;
  }
};

/// Examples with a target, as pairs with the windows of their passages. Of kSpan the first answer
/// of a question counts, as in the original code, and a window that holds a part of the answer only
/// is left out; of kChoice the pairs of an example are its options. Numbers of labels are those of
/// the head's outputs (use_labels()). Throws kInvalidArgument when no pair is left, and for a
/// question of kChoice with another number of options than the first one's.
[[nodiscard]] TrainingSet make_training_set(const Dataset& dataset, const Tokenizer& tokenizer,
                                            const SplitConfig& split, Negatives negatives);

/// make_training_set() of kSpan, and of kClasses and kChoice.
[[nodiscard]] TrainingSet make_span_set(const Dataset& dataset, const Tokenizer& tokenizer,
                                        const SplitConfig& split, Negatives negatives);
[[nodiscard]] TrainingSet make_pair_set(const Dataset& dataset, const Tokenizer& tokenizer,
                                        const SplitConfig& split);

}  // namespace deformer
