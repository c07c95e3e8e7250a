// Where the time of an answer goes.
#pragma once

namespace deformer {

/// Wall time by stage, in seconds.
struct StageTimes {
  double tokenize = 0;  ///< questions, and passages that are not in the store
  double read = 0;      ///< store reads and their decoding to fp32
  double lower = 0;     ///< lower layers: questions, and passages that are not in the store
  double upper = 0;     ///< upper layers and head
  double decode = 0;    ///< logits to answers
};

}  // namespace deformer
