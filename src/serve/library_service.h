// The service of a loaded model: answers by an AnswerQueue, passages by a PassageEncoder.
#pragma once

#include <cstddef>
#include <memory>

#include "deformer/answer_queue.h"
#include "deformer/passage_encoder.h"
#include "serve/answer_service.h"

namespace deformer::serve {

struct LibraryServiceOptions {
  std::size_t batch_tokens = 4096;
  std::size_t queue_tokens = 65'536;        ///< AnswerQueueOptions::max_waiting_tokens
  std::size_t write_queue_tokens = 65'536;  ///< of passages that wait to be encoded
  /// Smaller than batches of answers: what encodes keeps a batch of answers waiting for so long.
  std::size_t encode_batch_tokens = 1024;
  HiddenCodec codec = HiddenCodec::kFp32;
  bool projections = false;
};

/// `store` may be null. Throws as AnswerQueue.
[[nodiscard]] std::shared_ptr<AnswerService> make_library_service(
    std::shared_ptr<const Model> model, std::shared_ptr<PassageStore> store,
    const LibraryServiceOptions& options);

}  // namespace deformer::serve
