// A model that answers, with what the verbs `answer` and `evaluate` add to it.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/model.h"
#include "deformer/span_qa.h"
#include "tools/reading.h"

namespace deformer::tools {

struct AnswererOptions {
  std::optional<std::size_t> top_k;  // in place of answer.top_k, where it is given
  AnswerOptions answer;
  std::string long_questions = "cut";
  ReadingOptions reading;
};

/// Adds all but --top-k, which is for verbs that show several answers.
void add_answerer_options(CLI::App& verb, AnswererOptions& options);

/// Answers requests by the options (passages from --store where it has them), checks questions,
/// keeps count. Not safe for concurrent calls.
class Answerer {
 public:
  Answerer(std::shared_ptr<const Model> model, AnswererOptions options);

  /// Throws kInvalidArgument "WHERE: ..." for a question without a token and, with --long-questions
  /// error, for one that would be cut.
  void check_question(std::string_view question, const std::string& where) const;

  /// SpanQa::answer(). A request without passages (their texts are empty) gets no answers.
  [[nodiscard]] std::vector<QaResult> answer(const std::vector<QaRequest>& requests,
                                             const ProgressCallback& progress = nullptr);
  /// The same by SpanQa::answer_each().
  void answer_each(const std::vector<QaRequest>& requests, const QaSink& sink,
                   const ProgressCallback& progress = nullptr);

  /// What the run has to say at its end: cut questions, passages that the store lacked, and stage
  /// times with --timing.
  void report(const Talk& talk) const;

  [[nodiscard]] const AnswererOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t answered() const noexcept { return answered_; }
  /// Spent in answer().
  [[nodiscard]] double seconds() const noexcept { return seconds_; }

 private:
  void expect_passages(const std::vector<QaRequest>& requests);

  std::shared_ptr<const Model> model_;
  AnswererOptions options_;
  std::shared_ptr<StoreView> store_;  // null without --store
  SpanQa qa_;
  StageTimes times_;
  std::size_t answered_ = 0;
  std::size_t cut_ = 0;
  double seconds_ = 0;
};

/// The best answer's text; "" for no answer and for none.
[[nodiscard]] std::string best_text(const QaResult& result);
/// The best span's text, whether or not "no answer" beats it; "" for none. Needs top_k >= 2 when
/// "no answer" competes.
[[nodiscard]] std::string best_span_text(const QaResult& result);
/// Score of "no answer" minus the best span's, the scale of --no-answer-threshold; 1e9 where there
/// is no span. The same condition on top_k.
[[nodiscard]] double no_answer_margin(const QaResult& result);

}  // namespace deformer::tools
