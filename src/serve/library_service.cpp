#include "serve/library_service.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "deformer/content_id.h"
#include "deformer/error.h"
#include "serve/job_queue.h"

namespace deformer::serve {
namespace {

// As AnswerQueueOptions::max_waiting_tokens counts.
constexpr std::size_t kBytesPerToken = 4;
constexpr std::size_t kWaitingLookUps = 1024;
constexpr int kLongestRetrySeconds = 60;

void name_by_content(Passage& passage) {
  if (passage.id.empty() && !passage.text.empty()) passage.id = content_id(passage.text);
}

// What `function` gives, or what it throws.
template <typename Result, typename Function>
Outcome<Result> outcome_of(const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kResourceExhausted, "out of memory");
  } catch (const std::exception& error) {
    return Error(ErrorCode::kInternal, error.what());
  }
}

class LibraryService final : public AnswerService {
 public:
  LibraryService(std::shared_ptr<const Model> model, std::shared_ptr<PassageStore> store,
                 const LibraryServiceOptions& options)
      : model_(std::move(model)),
        store_(std::move(store)),
        options_(options),
        queue_(model_, store_,
               {.batch_tokens = options.batch_tokens, .max_waiting_tokens = options.queue_tokens}),
        reads_(kWaitingLookUps, JobQueue::Priority::kNormal),
        writes_(options.write_queue_tokens, JobQueue::Priority::kLow) {
    if (store_) encoder_.emplace(model_, store_);
  }
  ~LibraryService() override { close(); }

  [[nodiscard]] TaskKind kind() const override { return model_->config().task; }
  [[nodiscard]] const std::vector<std::string>& labels() const override {
    return model_->config().labels;
  }

  void answer(QaRequest request, Done<QaResult> done) override {
    for (Passage& passage : request.passages) name_by_content(passage);
    submit<QaResult>(std::move(request), std::move(done));
  }
  void classify(PairRequest request, Done<PairResult> done) override {
    name_by_content(request.passage);
    submit<PairResult>(std::move(request), std::move(done));
  }
  void choose(ChoiceRequest request, Done<ChoiceResult> done) override {
    name_by_content(request.passage);
    submit<ChoiceResult>(std::move(request), std::move(done));
  }

  [[nodiscard]] bool has_store() const override { return store_ != nullptr; }

  void put_passages(std::vector<Passage> passages, const std::stop_token& cancel,
                    Done<PutReport> done) override {
    std::size_t tokens = 0;
    for (Passage& passage : passages) {
      // A blank text has an id of its own as well.
      if (passage.id.empty()) passage.id = content_id(passage.text);
      tokens += passage.text.size() / kBytesPerToken + 1;
    }
    in_turn<PutReport>(
        writes_, tokens, std::move(done),
        [this, passages = std::move(passages), cancel] { return put(passages, cancel); });
  }

  void find_passage(std::string id, Done<std::optional<StoredPassage>> done) override {
    in_turn<std::optional<StoredPassage>>(reads_, 1, std::move(done),
                                          [this, id = std::move(id)] { return find(id); });
  }

  // Behind the writes that came before it.
  void erase_passage(std::string id, Done<std::size_t> done) override {
    in_turn<std::size_t>(writes_, 1, std::move(done), [this, id = std::move(id)] {
      return store_->erase(std::vector<std::string>{id});
    });
  }

  void close() override {
    reads_.close();
    writes_.close();
    queue_.close();
  }

  [[nodiscard]] ServiceStats stats() const override {
    ServiceStats stats;
    stats.answers = queue_.stats();
    stats.passages_encoded = encoded_;
    stats.passages_reused = reused_;
    stats.writes_refused = writes_.refused();
    stats.writing_tokens = writes_.tokens();
    const StageTimes& times = stats.answers.times;
    const double busy = times.tokenize + times.read + times.lower + times.upper + times.decode;
    const double waiting = static_cast<double>(stats.answers.tokens) * busy /
                           std::max(1.0, static_cast<double>(stats.answers.joint_tokens));
    stats.retry_after_s = static_cast<int>(
        std::clamp(std::ceil(waiting), 1.0, static_cast<double>(kLongestRetrySeconds)));
    return stats;
  }

 private:
  // A refusal for want of room comes before submit() returns, and no other error of its kind does
  // but a failed allocation: for both the client is to come back later.
  template <typename Result, typename Request>
  void submit(Request request, Done<Result> done) {
    const auto submitting = std::make_shared<std::atomic<bool>>(true);
    queue_.submit(
        std::move(request), [submitting, done = std::move(done)](Outcome<Result>&& outcome) {
          const bool full = outcome.error() != nullptr &&
                            outcome.error()->code() == ErrorCode::kResourceExhausted && *submitting;
          done({std::move(outcome), full});
        });
    *submitting = false;
  }

  template <typename Result, typename Function>
  void in_turn(JobQueue& jobs, std::size_t tokens, Done<Result> done, Function function) {
    if (!store_) {
      return done({Error(ErrorCode::kUnsupported,
                         "expected a service with a passage store, found one without")});
    }
    const auto admission = jobs.add(tokens, [done, function = std::move(function)](JobState state) {
      if (state == JobState::kCancelled) return done({stopping()});
      done({outcome_of<Result>(function)});
    });
    if (admission == JobQueue::Admission::kClosed) done({stopping()});
    if (admission == JobQueue::Admission::kFull) {
      done({Error(ErrorCode::kResourceExhausted, "too much waits for the passage store"), true});
    }
  }

  static Error stopping() { return {ErrorCode::kCancelled, "the service is stopping"}; }

  PutReport put(const std::vector<Passage>& passages, const std::stop_token& cancel) {
    if (cancel.stop_requested()) throw stopping();
    const EncodeReport done =
        encoder_->encode(passages, {.batch_tokens = options_.encode_batch_tokens,
                                    .codec = options_.codec,
                                    .projections = options_.projections});
    encoded_ += done.encoded;
    reused_ += done.reused;
    PutReport report{.ids = {}, .encoded = done.encoded};
    for (const Passage& passage : passages) report.ids.push_back(passage.id);
    return report;
  }

  [[nodiscard]] std::optional<StoredPassage> find(const std::string& id) const {
    const auto found = store_->get(std::vector<std::string>{id}).front();
    if (!found) return std::nullopt;
    return StoredPassage{found->id, found->text, found->spans.size(), found->windows.size()};
  }

  std::shared_ptr<const Model> model_;
  std::shared_ptr<PassageStore> store_;  // null without --store
  LibraryServiceOptions options_;
  std::optional<PassageEncoder> encoder_;
  std::atomic<std::uint64_t> encoded_{0};
  std::atomic<std::uint64_t> reused_{0};
  AnswerQueue queue_;
  JobQueue reads_;
  JobQueue writes_;
};

}  // namespace

std::shared_ptr<AnswerService> make_library_service(std::shared_ptr<const Model> model,
                                                    std::shared_ptr<PassageStore> store,
                                                    const LibraryServiceOptions& options) {
  return std::make_shared<LibraryService>(std::move(model), std::move(store), options);
}

}  // namespace deformer::serve
