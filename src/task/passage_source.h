// Where the answer step gets its passages from: the store, or the lower layers on the fly.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model.h"
#include "deformer/passage_store.h"
#include "deformer/stage_times.h"

namespace deformer {

/// A passage that is ready to be paired with questions.
struct ReadyPassage {
  std::shared_ptr<const EncodedPassage>
      encoded;                    ///< without hidden states when the layout depends on the question
  std::vector<std::int32_t> ids;  ///< of the whole passage; only in that case
  std::vector<std::size_t> first_rows;  ///< first row of each window in encoded->hidden
};

/// One window of one passage, for a question of `question_tokens` tokens (special tokens included).
struct WindowRequest {
  const ReadyPassage* passage = nullptr;
  std::size_t window = 0;
  std::int64_t question_tokens = 0;
};

/// Not safe for concurrent calls.
class PassageSource {
 public:
  /// `store` and `times` may be null; all must outlive the object.
  PassageSource(const Model& model, const PassageStore* store, std::size_t batch_tokens,
                StageTimes* times)
      : model_(model), store_(store), batch_tokens_(batch_tokens), times_(times) {}

  /// One entry per passage. Throws kNotFound naming a passage without text that the store lacks.
  [[nodiscard]] std::vector<ReadyPassage> resolve(std::span<const Passage* const> passages) const;

  /// Lower-layer states of some windows, packed in order.
  [[nodiscard]] Encoding lower(std::span<const WindowRequest> windows) const;

 private:
  void look_up(std::span<const Passage* const> passages, std::vector<ReadyPassage>& ready) const;
  void encode_missing(std::span<const Passage* const> passages,
                      std::vector<ReadyPassage>& ready) const;
  void tokenize_missing(std::span<const Passage* const> passages,
                        std::vector<ReadyPassage>& ready) const;
  void locate_rows(ReadyPassage& ready) const;
  [[nodiscard]] Encoding read_states(std::span<const WindowRequest> windows) const;
  [[nodiscard]] bool have_projections(std::span<const WindowRequest> windows) const;
  [[nodiscard]] Encoding compute_states(std::span<const WindowRequest> windows) const;

  const Model& model_;
  const PassageStore* store_;
  std::size_t batch_tokens_;
  StageTimes* times_;
};

}  // namespace deformer
