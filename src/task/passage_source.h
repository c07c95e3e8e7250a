// Where the answer step gets its passages from: the store, or the lower layers on the fly.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/answering.h"
#include "deformer/encoder.h"
#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_store.h"
#include "task/not_finite.h"
#include "task/passage_batches.h"
#include "text/utf8.h"

namespace deformer {

/// A passage that is ready to be paired with questions.
class ReadyPassage {
 public:
  std::optional<Error> error;  ///< why it cannot be read; then there is nothing else
  std::shared_ptr<const EncodedPassage>
      encoded;                    ///< without hidden states when the layout depends on the question
  std::vector<std::int32_t> ids;  ///< of the whole passage; only in that case
  std::vector<std::size_t> first_rows;  ///< first row of each window in encoded->hidden
  StatesOrigin origin = StatesOrigin::kComputed;

  /// word_extents() of the passage, without words and with bert_words(), what is blank emptied.
  /// Found at the first call. Not safe for concurrent calls.
  [[nodiscard]] std::span<const ByteSpan> tokens() const;
  [[nodiscard]] std::span<const ByteSpan> words() const;
  /// The same with the words of the tokenizer, which is the same in all calls; blank or not.
  [[nodiscard]] std::span<const ByteSpan> words_of(const Tokenizer& tokenizer) const;
  /// Of encoded->text, which must stay.
  [[nodiscard]] const CodePointIndex& code_points() const;

 private:
  mutable std::optional<std::vector<ByteSpan>> tokens_;
  mutable std::optional<std::vector<ByteSpan>> words_;
  mutable std::optional<std::vector<ByteSpan>> tokenizer_words_;
  mutable std::optional<CodePointIndex> code_points_;
};

/// States of a passage that cannot be read: the others of its batch can.
class PassageFault : public Error {
 public:
  PassageFault(const ReadyPassage* passage, const std::string& message)
      : Error(ErrorCode::kCorrupt, message), passage_(passage) {}

  [[nodiscard]] const ReadyPassage* passage() const noexcept { return passage_; }

 private:
  const ReadyPassage* passage_;
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
  /// `store` may be null; all must outlive the object.
  PassageSource(const Model& model, const PassageStore* store, std::size_t batch_tokens,
                StageTimes* times);

  /// One entry per passage; one that is absent or damaged, cannot be tokenised or encoded, or is no
  /// longer wanted, has its own error.
  /// Throws what concerns all: a store that cannot be reached, no memory.
  [[nodiscard]] std::vector<ReadyPassage> resolve(std::span<const Passage* const> passages,
                                                  const IsWanted& is_wanted);

  /// About how many tokens a passage has of which only the id is known: the mean of those that were
  /// looked up last.
  [[nodiscard]] std::size_t expected_tokens() const noexcept { return expected_tokens_; }

  /// Lower-layer states of some windows, packed in order. Throws PassageFault for stored ones that
  /// are not finite.
  [[nodiscard]] Encoding lower(std::span<const WindowRequest> windows) const;

 private:
  void look_up(std::span<const Passage* const> passages, std::vector<ReadyPassage>& ready);
  void fetch(std::span<const Passage* const> passages, std::span<ReadyPassage> ready) const;
  void fetch_alone(const Passage& passage, ReadyPassage& ready) const;
  void expect_more_of(std::span<const ReadyPassage> found);
  void encode_missing(std::span<const Passage* const> passages, std::vector<ReadyPassage>& ready,
                      const IsWanted& is_wanted) const;
  void encode(std::span<const Passage* const> passages, std::span<const std::size_t> places,
              std::vector<ReadyPassage>& ready, const IsWanted& is_wanted) const;
  void encode_alone(std::span<const Passage* const> passages, std::size_t place,
                    std::vector<ReadyPassage>& ready, const IsWanted& is_wanted) const;
  void tokenize_missing(std::span<const Passage* const> passages,
                        std::vector<ReadyPassage>& ready) const;
  void tokenize(const Passage& passage, ReadyPassage& ready) const;
  void locate_rows(ReadyPassage& ready) const;
  [[nodiscard]] Encoding read_states(std::span<const WindowRequest> windows) const;
  [[nodiscard]] bool has_projections(const WindowRequest& request) const;
  [[nodiscard]] Encoding compute_states(std::span<const WindowRequest> windows) const;

  const Model& model_;
  const PassageStore* store_;
  std::size_t batch_tokens_;
  StageTimes* times_;
  std::size_t expected_tokens_;
};

}  // namespace deformer
