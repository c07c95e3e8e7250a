// Where the time of an answer goes.
#pragma once

namespace deformer {

/// Wall time of the calling thread by stage, in seconds. A GPU computes while the thread goes on:
/// what is left to wait for counts as `upper`.
struct StageTimes {
  double tokenize = 0;  ///< questions, and passages that are not in the store
  double read = 0;      ///< store reads and their decoding
  double lower = 0;     ///< lower layers: questions, and passages that are not in the store
  double upper = 0;     ///< upper layers and head
  double decode = 0;    ///< logits to answers
};

}  // namespace deformer
