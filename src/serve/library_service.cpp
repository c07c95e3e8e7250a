#include "serve/library_service.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "deformer/passage_store.h"
#include "serve/job_queue.h"
#include "serve/request_json.h"

namespace deformer::serve {
namespace {

// As AnswerQueueOptions::max_waiting_tokens counts.
constexpr std::size_t kBytesPerToken = 4;
constexpr std::size_t kWaitingLookUps = 1024;
// Of a list that leaves ids out. With a prefix: a store's order need not be the alphabet's, so all
// ids are looked at.
constexpr std::size_t kIdsAtOnce = 1000;
constexpr std::size_t kMostIdsSeen = 20'000;
constexpr int kLongestRetrySeconds = 60;

void name_by_content(Passage& passage) {
  if (passage.id.empty() && !passage.text.empty()) passage.id = content_id(passage.text);
}

int retry_seconds(double waiting) {
  return static_cast<int>(
      std::clamp(std::ceil(waiting), 1.0, static_cast<double>(kLongestRetrySeconds)));
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

  [[nodiscard]] bool has_token(const std::string& question) const override {
    return !model_->tokenizer().tokenize(question).ids.empty();
  }
  void answer(QaRequest request, Done<QaResult> done) override {
    for (Passage& passage : request.passages) name_by_content(passage);
    queue_.submit(std::move(request), std::move(done));
  }
  void classify(PairRequest request, Done<PairResult> done) override {
    name_by_content(request.passage);
    queue_.submit(std::move(request), std::move(done));
  }
  void choose(ChoiceRequest request, Done<ChoiceResult> done) override {
    name_by_content(request.passage);
    queue_.submit(std::move(request), std::move(done));
  }

  [[nodiscard]] bool has_store() const override { return store_ != nullptr; }

  void put_passages(std::vector<Passage> passages, RequestControl control,
                    Done<PutReport> done) override {
    std::size_t tokens = 0;
    for (Passage& passage : passages) {
      // A blank text has an id of its own as well.
      if (passage.id.empty()) passage.id = content_id(passage.text);
      tokens += passage.text.size() / kBytesPerToken + 1;
    }
    in_turn<PutReport>(writes_, tokens, std::move(done),
                       [this, passages = std::move(passages), control = std::move(control)] {
                         return put(passages, control);
                       });
  }

  void find_passage(std::string id, Done<std::optional<StoredPassage>> done) override {
    in_turn<std::optional<StoredPassage>>(reads_, 1, std::move(done),
                                          [this, id = std::move(id)] { return find(id); });
  }

  void list_passages(PassageQuery query, Done<PassageList> done) override {
    in_turn<PassageList>(reads_, 1, std::move(done),
                         [this, query = std::move(query)] { return list(query); });
  }

  void describe(Done<ServiceDescription> done) override {
    ServiceDescription description{.layers = model_->config().num_hidden_layers,
                                   .split_layer = model_->config().split.split_layer,
                                   .store = std::nullopt};
    if (!store_) return done(std::move(description));
    in_turn<ServiceDescription>(reads_, 1, std::move(done), [this, description] {
      const StoreInfo info = store_->info();
      ServiceDescription whole = description;
      whole.store = {info.engine, info.passages, info.file_bytes};
      return whole;
    });
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
    stats.writing_tokens = writes_.tokens();
    const StageTimes& times = stats.answers.times;
    const double busy = times.tokenize + times.read + times.lower + times.upper + times.decode;
    const double waiting = static_cast<double>(stats.answers.tokens) * busy /
                           std::max(1.0, static_cast<double>(stats.answers.joint_tokens));
    stats.retry_after_s = retry_seconds(waiting);
    stats.write_retry_after_s = retry_seconds(writes_.waiting_seconds());
    return stats;
  }

 private:
  template <typename Result, typename Function>
  void in_turn(JobQueue& jobs, std::size_t tokens, Done<Result> done, Function function) {
    if (!store_) return done(no_store());
    // Whoever is told may ask again at once: there is room by then.
    const auto outcome = std::make_shared<Outcome<Result>>(stopping());
    const auto admission = jobs.add(
        tokens,
        [outcome, function = std::move(function)](JobState state) {
          if (state == JobState::kRun) *outcome = outcome_of<Result>(function);
        },
        [outcome, done] { done(std::move(*outcome)); });
    if (admission == JobQueue::Admission::kClosed) done(stopping());
    if (admission == JobQueue::Admission::kFull) {
      done(Error(ErrorCode::kOverloaded, "too much waits for the passage store"));
    }
  }

  static Error stopping() { return {ErrorCode::kCancelled, "the service is stopping"}; }

  PutReport put(const std::vector<Passage>& passages, const RequestControl& control) {
    // Counted as the store takes them: what follows may fail.
    std::optional<std::size_t> before;
    const auto count = [&](std::size_t done, std::size_t) {
      (before ? encoded_ : reused_) += done - before.value_or(0);
      before = done;
    };
    const EncodeReport done =
        encoder_->encode(passages, {.batch_tokens = options_.encode_batch_tokens,
                                    .codec = options_.codec,
                                    .projections = options_.projections,
                                    .progress = count,
                                    .control = control});
    PutReport report{.ids = {}, .encoded = done.encoded};
    for (const Passage& passage : passages) report.ids.push_back(passage.id);
    return report;
  }

  // `next` is the last id seen that can stand in JSON. Until there is one the list goes on, however
  // many have been seen: a page that ended before would be asked for again and again.
  [[nodiscard]] PassageList list(const PassageQuery& query) const {
    PassageList list;
    std::string after = query.after;
    for (std::size_t seen = 0; seen < kMostIdsSeen || list.next.empty();) {
      const bool whole = query.prefix.empty() && seen == 0;
      const std::size_t most = whole ? query.limit : kIdsAtOnce;
      const std::vector<std::string> ids = store_->list_ids(after, most);
      for (const std::string& id : ids) {
        after = id;
        if (!is_utf8(id)) continue;
        list.next = id;
        if (id.starts_with(query.prefix)) list.ids.push_back(id);
        if (list.ids.size() == query.limit) break;
      }
      seen += ids.size();
      const bool end = ids.size() < most && (ids.empty() || after == ids.back());
      if (end) list.next.clear();
      if (end || list.ids.size() == query.limit) break;
    }
    return list;
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
