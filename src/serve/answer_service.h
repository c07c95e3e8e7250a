// What the HTTP layer asks of the model: an interface, so that one can be tested without the other.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "deformer/answer_queue.h"
#include "deformer/answering.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "deformer/span_qa.h"
#include "deformer/types.h"

namespace deformer::serve {

template <typename Result>
using Done = std::function<void(Outcome<Result>&&)>;

struct StoredPassage {
  std::string id;
  std::string text;
  std::size_t tokens = 0;
  std::size_t windows = 0;
};

/// Which ids a list has.
struct PassageQuery {
  std::string prefix = {};
  std::string after = {};  ///< begins behind this id, in the store's own order
  std::size_t limit = 100;
};

struct PassageList {
  std::vector<std::string> ids;
  std::string next;  ///< `after` of the rest; empty: there is none
};

struct StoreDescription {
  std::string engine;  ///< StoreInfo::engine
  std::size_t passages = 0;
  std::optional<std::uint64_t> bytes;
};

struct ServiceDescription {
  std::int64_t layers = 0;
  std::int64_t split_layer = 0;
  std::optional<StoreDescription> store;  ///< absent without one
};

struct PutReport {
  std::vector<std::string> ids;  ///< of the passages, in order
  std::size_t encoded = 0;       ///< the others were there already with the same text
};

struct ServiceStats {
  AnswerQueueStats answers = {};
  std::uint64_t passages_encoded = 0;
  std::uint64_t passages_reused = 0;
  std::size_t writing_tokens = 0;  ///< of passages that wait to be encoded, or are
  int retry_after_s = 1;           ///< how long the questions that wait take, roughly; at least 1
  int write_retry_after_s = 1;     ///< the same for passages that wait to be encoded
};

/// What a service without a store says of passages.
[[nodiscard]] inline Error no_store() {
  return {ErrorCode::kUnsupported, "expected a service with a passage store, found one without"};
}

/// Every method is safe for concurrent calls and returns soon: results come by `done`, from any
/// thread, once. A passage with a text and an empty id goes by its content id. Without a store
/// passages are kUnsupported. What there is no room for ends as kOverloaded.
class AnswerService {
 public:
  virtual ~AnswerService() = default;

  /// What the model gives: which of the next three it takes.
  [[nodiscard]] virtual TaskKind kind() const = 0;
  /// Of kClasses: PairClassifier::labels().
  [[nodiscard]] virtual const std::vector<std::string>& labels() const = 0;
  /// Whether the model's tokenizer finds a token in it: answer() refuses a question without one.
  [[nodiscard]] virtual bool has_token(const std::string& question) const = 0;
  virtual void answer(QaRequest request, Done<QaResult> done) = 0;
  virtual void classify(PairRequest request, Done<PairResult> done) = 0;
  virtual void choose(ChoiceRequest request, Done<ChoiceResult> done) = 0;

  [[nodiscard]] virtual bool has_store() const = 0;
  /// Encodes and stores. Passages of one call have ids of their own. Of those that are given up
  /// (`control`) some may be stored.
  virtual void put_passages(std::vector<Passage> passages, RequestControl control,
                            Done<PutReport> done) = 0;
  virtual void find_passage(std::string id, Done<std::optional<StoredPassage>> done) = 0;
  /// Looks at a bounded number of ids, and further only until one can be `next`: a list may be
  /// short, or empty, and still have a `next`.
  /// Ids that are not UTF-8, which a client could neither read nor ask for, are left out.
  virtual void list_passages(PassageQuery query, Done<PassageList> done) = 0;
  /// The result is the number of passages removed.
  virtual void erase_passage(std::string id, Done<std::size_t> done) = 0;

  /// Looks into the store for its size.
  virtual void describe(Done<ServiceDescription> done) = 0;

  /// Ends what waits as kCancelled and returns when all callbacks have been; refuses what comes
  /// later.
  virtual void close() = 0;

  /// Counts alone; does not look into the store.
  [[nodiscard]] virtual ServiceStats stats() const = 0;
};

}  // namespace deformer::serve
