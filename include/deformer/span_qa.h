// The answer step of span questions: question through the lower layers, question and passage
// through the upper ones, best spans out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/answering.h"
#include "deformer/export.h"
#include "deformer/passage_store.h"

namespace deformer {

class Model;

/// The search for each further answer looks at all spans anew.
inline constexpr std::size_t kMaxTopK = 1000;

/// How answers are scored and which of them are one.
enum class Scoring : std::uint8_t {
  kLogits,  ///< Answer::score is the sum of two logits, comparable across windows, passages and
            ///< questions; answers never share a character
  /// As Hugging Face's question-answering pipeline (transformers 5.2): within each window start and
  /// end logits become probabilities over its tokens and [CLS], an answer's score is the product of
  /// its two. Of each window the best 2 * top_k + 10 spans (top_k without align_to_words) count;
  /// words are Tokenizer::words(), and of a word that a window cuts its part in there. Scores of
  /// equal texts (but for case) of a passage are added up, so one may be above 1; the place is that
  /// of the first one found. Answers may overlap. `probability` is the score, and
  /// QaResult::no_answer_score the lowest product of [CLS].
  kWindowProbability,
};

/// Windows that depend on the question, as ordinary (joint) models are run: the question is read
/// whole, and the passage in windows of what it leaves.
struct SequenceLengths {
  int sequence_tokens = 384;    ///< of question and window together, special tokens included
  int overlap_tokens = 128;     ///< passage tokens that two neighbouring windows share
  int max_question_tokens = 0;  ///< longer questions are cut; 0: they are read whole
};

/// Which answers a question gets.
struct AnswerOptions {
  /// Answers per question, best first, no two of which share a character of one passage; 1 to
  /// kMaxTopK.
  std::size_t top_k = 1;
  int max_answer_tokens =
      0;  ///< longest span in tokens; 0 = the model's own (config.json, 30 as published)
  /// Lets an answer begin and end where a word does, as Hugging Face's pipeline (align_to_words):
  /// at white space and at punctuation marks, which are words of their own. Else it may be a part
  /// of a word, as the tokens are.
  bool align_to_words = true;
  bool allow_no_answer = false;  ///< lets "no answer" compete (models trained on SQuAD 2.0)
  double no_answer_threshold =
      0.0;  ///< no answer wins when its score exceeds the best span's by more than this
  Scoring scoring = Scoring::kLogits;
  /// In place of the model's lengths, where nothing of a passage can be stored
  /// (Model::can_store_passages()); other models are kIncompatible. kInvalidArgument where
  /// sequence_tokens is longer than the model's position table, and for a request whose question
  /// leaves no more than overlap_tokens to a passage that is longer.
  std::optional<SequenceLengths> sequence = {};
};

/// One question about one or more passages.
struct QaRequest {
  std::string id = {};  ///< the caller's own; not interpreted
  std::string question = {};
  /// Where to look. A passage with an empty text is taken from the store by its id. One with a text
  /// is taken from the store when that holds the same text under the id, else encoded on the fly
  /// (and not stored).
  std::vector<Passage> passages = {};
  std::optional<AnswerOptions> options = {};  ///< in place of the call's
  RequestControl control = {};
};

/// A span of a passage, or "no answer".
struct Answer {
  std::string text;        ///< cut from the passage; "" for no answer
  std::string passage_id;  ///< "" for no answer
  ByteSpan bytes;          ///< byte range in the passage's UTF-8 text
  std::int64_t start = 0;  ///< the same range in Unicode code points, as Python indexes strings
  std::int64_t end = 0;
  /// Start logit + end logit, comparable across windows, passages and questions of one model; with
  /// Scoring::kWindowProbability a probability.
  double score = 0;
  /// exp(score) over the sum of exp(score) of all candidates of the question, in all its windows
  /// and passages (with allow_no_answer, that of no answer too). In [0, 1].
  double probability = 0;
  bool no_answer = false;
};

struct QaResult {
  std::string id;  ///< of the request
  /// Best first; empty when no passage has a token, or nothing but white space.
  std::vector<Answer> answers;
  /// Lowest start + end logit of the [CLS] row over all windows (the rule of Google's SQuAD 2.0
  /// code; Scoring has the other one); absent without a token.
  std::optional<double> no_answer_score;
  bool question_cut =
      false;  ///< the question was longer than max_question_tokens and its tail was not read
  std::optional<RequestTimes> times = {};  ///< from an AnswerQueue alone
};

/// Takes what became of the request with this place among those of the call. Called once a request,
/// as soon as it is known, from the calling thread; what it throws ends the call.
using QaSink = std::function<void(std::size_t request, Outcome<QaResult>&& outcome)>;

/// Answers questions. Immutable, safe for concurrent calls.
class DEFORMER_EXPORT SpanQa {
 public:
  /// `store` may be null: then every passage of a request must carry its text. Throws kIncompatible
  /// for a model of another task, when the weights hold no span head, or when the store belongs to
  /// another fingerprint.
  explicit SpanQa(std::shared_ptr<const Model> model,
                  std::shared_ptr<const PassageStore> store = nullptr);

  /// One result per request, in order; independent of how requests are grouped. Requests on the
  /// same passage share its tensor. Throws the first error that a request meets: kNotFound naming a
  /// passage that has neither text nor record, kInvalidArgument for a question without a token or a
  /// request without passages, kCorrupt for a damaged record, kCancelled, kTimedOut.
  [[nodiscard]] std::vector<QaResult> answer(std::span<const QaRequest> requests,
                                             const AnswerOptions& options = {},
                                             const BatchOptions& batches = {}) const;

  /// The same, each request by itself: one that cannot be answered has its own error and leaves the
  /// others alone. Memory depends on batch_tokens, not on the number of requests. Returns where the
  /// time went. Throws kInvalidArgument for options out of range, and what `sink` throws.
  StageTimes answer_each(std::span<const QaRequest> requests, const QaSink& sink,
                         const AnswerOptions& options = {}, const BatchOptions& batches = {}) const;

 private:
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const PassageStore> store_;
};

}  // namespace deformer
