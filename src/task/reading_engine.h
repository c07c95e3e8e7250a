// The one way from questions and passages to logits, batch by batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "architecture/segment_layout.h"
#include "deformer/answering.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "deformer/passage_store.h"
#include "nn/transfer.h"
#include "task/batch_pipeline.h"
#include "task/passage_source.h"
#include "task/preparation.h"
#include "task/reading.h"
#include "task/reading_state.h"
#include "task/waiting_passages.h"

namespace deformer {

struct ReadingOptions {
  std::size_t batch_tokens = 4096;  ///< most joint tokens of one pass, at least 1
  /// Questions without a token, and passages with neither id nor text, are read as blank texts;
  /// else they are errors.
  bool blank_texts = false;
  std::function<void()> on_batch = nullptr;  ///< called when the readings of a batch have theirs
};

/// Takes readings, looks their passages up in portions, forms batches of what is ready, and hands
/// each pair's logits to its reading. A fault ends the readings that it concerns, and no other.
/// Runs on the thread that calls it, in inference mode; not safe for concurrent calls.
///
/// Memory depends on batch_tokens and on the readings that were added and are not over. Of a
/// question that more batches ask for, its own states are kept and nothing else.
class ReadingEngine {
 public:
  /// The model has a head; `store` may be null; both outlive the object.
  ReadingEngine(const Model& model, const PassageStore* store, ReadingOptions options);
  ~ReadingEngine();
  ReadingEngine(const ReadingEngine&) = delete;
  ReadingEngine& operator=(const ReadingEngine&) = delete;

  /// Tokenises the questions and lets the reading wait for the next batches. One that cannot be
  /// read fails at once.
  void add(std::shared_ptr<Reading> reading);
  /// The same with the questions that prepare() made, on another thread.
  void add(std::shared_ptr<Reading> reading, std::vector<PreparedQuestion> questions);
  /// Safe for concurrent calls.
  [[nodiscard]] std::vector<PreparedQuestion> prepare(const Reading& reading) const;

  /// Whether as many questions are under way as can help to fill batches.
  [[nodiscard]] bool is_full() const noexcept;
  /// Lets go of abandoned readings, then runs one batch. False: nothing was left to run, and all
  /// readings are over.
  bool run_batch();
  /// Fails all readings that are not over, each with its own error, and forgets what was left to
  /// do.
  void abandon(const std::function<Error(const Reading&)>& error_of);

  [[nodiscard]] std::size_t under_way() const noexcept { return active_.size(); }
  [[nodiscard]] std::size_t finished() const noexcept { return finished_; }
  [[nodiscard]] const StageTimes& times() const noexcept { return times_; }
  [[nodiscard]] std::size_t batches() const noexcept { return batches_; }
  [[nodiscard]] std::size_t joint_tokens() const noexcept { return joint_tokens_; }

 private:
  using Group = PassageGroup<Asker>;
  // One passage in windows of other lengths, by the room that a question leaves and the step.
  using FittedPassages =
      std::map<std::pair<std::int64_t, std::int64_t>, std::shared_ptr<const ReadyPassage>>;

  [[nodiscard]] std::optional<Error> fault_of(const Reading& reading,
                                              std::span<const PreparedQuestion> questions) const;
  void drop_abandoned();
  void forget_ended();
  void end(const std::shared_ptr<ActiveReading>& active, const Error* error);

  void look_up_portion();
  void queue_portion(std::span<const Group> groups, std::span<const std::size_t> places,
                     std::vector<ReadyPassage> found);
  void queue_asker(const Asker& asker, const std::shared_ptr<const ReadyPassage>& passage,
                   FittedPassages& fitted);
  [[nodiscard]] bool skip_repeated(const Asker& asker, const ReadyPassage* passage);
  void queue_pairs(const Asker& asker, std::shared_ptr<const ReadyPassage> passage,
                   FittedPassages& fitted);
  [[nodiscard]] std::shared_ptr<const ReadyPassage> fit(const PairState& pair,
                                                        std::shared_ptr<const ReadyPassage> passage,
                                                        FittedPassages& fitted) const;
  [[nodiscard]] bool is_blank(const Passage& passage) const;
  [[nodiscard]] std::size_t joint_rows(const PairState& pair, std::size_t window) const;
  [[nodiscard]] std::size_t passage_rows(const PairState& pair, std::size_t window) const;

  [[nodiscard]] std::vector<WindowOfPair> next_batch();
  [[nodiscard]] std::vector<WindowOfPair> take_batch();
  void start(RunningBatch batch);
  void put_back(std::span<WindowOfPair> windows);
  [[nodiscard]] nn::HostCopy compute(RunningBatch& batch);
  [[nodiscard]] Encoding lower_questions(std::span<const WindowOfPair> batch,
                                         std::vector<SegmentPair>& pairs);
  [[nodiscard]] Encoding lower_passages(std::span<const WindowOfPair> batch,
                                        std::vector<SegmentPair>& pairs) const;
  static void keep_questions(std::span<const WindowOfPair> batch);
  void finish_batch(RunningBatch& batch, const nn::HostCopy& running);
  void finish_pair(PairState& pair);

  const Model& model_;
  const SegmentLayout& layout_;
  ReadingOptions options_;
  StageTimes times_;
  PassageSource source_;
  std::size_t question_special_tokens_;
  std::size_t passage_special_tokens_;
  std::vector<std::shared_ptr<ActiveReading>> active_;
  WaitingPassages<Asker> waiting_;
  std::deque<WindowOfPair> ready_;  // windows whose passages are there
  std::size_t ready_tokens_ = 0;    // their joint tokens
  std::size_t question_rows_ = 0;   // of all readings under way
  std::size_t finished_ = 0;
  std::size_t batches_ = 0;
  std::size_t joint_tokens_ = 0;
  BatchPipeline<RunningBatch, nn::HostCopy> pipeline_;
};

}  // namespace deformer
