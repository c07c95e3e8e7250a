// What the reading engine keeps of readings under way.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "task/passage_source.h"
#include "task/preparation.h"
#include "task/reading.h"

namespace deformer {

/// A question text while its passages are read.
struct QuestionState {
  PreparedQuestion prepared;
  at::Tensor hidden = {};        ///< lower-layer states, while batches want them
  std::size_t windows_left = 0;  ///< a passage that has not been looked up counts as one
};

/// A reading that is not over.
struct ActiveReading {
  std::shared_ptr<Reading> reading;
  std::vector<QuestionState> questions = {};
  std::size_t pairs_left = 0;
  std::size_t rows = 0;  ///< of its questions
  bool over = false;     ///< then its pairs are skipped wherever they are
  /// Places of the passages that share an id, in order, by that id.
  std::map<std::string_view, std::vector<std::size_t>> repeated_ids = {};
  /// Ids and content ids of the passages that were looked up, where ids repeat.
  std::set<std::pair<std::string, std::string>> read = {};
};

/// A reading's passage.
struct Asker {
  std::shared_ptr<ActiveReading> active;
  std::size_t place = 0;  ///< among its passages
};

/// One question text on one passage.
struct PairState {
  std::shared_ptr<ActiveReading> active;
  std::size_t question = 0;
  std::size_t place = 0;
  std::shared_ptr<const ReadyPassage> passage;  ///< keeps its portion alive; null: a blank text
  std::vector<WindowOutputs> windows;
  std::size_t windows_left = 0;

  [[nodiscard]] QuestionState& state() const { return active->questions[question]; }
};

struct WindowOfPair {
  std::shared_ptr<PairState> pair;
  std::size_t window = 0;
};

/// Windows whose logits are on their way.
struct RunningBatch {
  std::vector<WindowOfPair> windows;
  std::vector<std::int64_t> offsets;  ///< [windows + 1] into the logits' rows
};

}  // namespace deformer
