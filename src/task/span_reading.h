// A span question on its way: logits to answers.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "deformer/model.h"
#include "deformer/span_qa.h"
#include "task/answer_collector.h"
#include "task/reading.h"
#include "task/window_answers.h"

namespace deformer {

/// Throws kInvalidArgument for a value out of range, kIncompatible for options that the model
/// cannot have.
void validate(const AnswerOptions& options, const Model& model);

class SpanReading final : public Reading {
 public:
  using Done = std::function<void(Outcome<QaResult>&& outcome)>;

  /// `model`, `request` and `options` outlive the object; the options are valid. `name`: see
  /// Reading::name().
  SpanReading(const Model& model, const QaRequest& request, const AnswerOptions& options,
              std::string name, Done done);

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::span<const std::string> questions() const override {
    return {&request_.question, 1};
  }
  [[nodiscard]] std::span<const Passage> passages() const override { return request_.passages; }
  [[nodiscard]] const RequestControl& control() const override { return request_.control; }
  [[nodiscard]] const SequenceLengths* lengths() const override {
    return options_.sequence ? &*options_.sequence : nullptr;
  }
  void take(const ReadPair& pair) override;
  void finish() override;
  void fail(const Error& error) override { done_(error); }

 private:
  void take_by_window(const ReadPair& pair);
  [[nodiscard]] std::vector<ByteSpan> clipped_extents(const ReadyPassage& passage,
                                                      const Window& window) const;

  const Model& model_;
  const QaRequest& request_;
  const AnswerOptions& options_;
  std::string name_;
  Done done_;
  int max_answer_tokens_;
  bool question_cut_ = false;
  AnswerCollector collector_;        // Scoring::kLogits
  WindowAnswerCollector by_window_;  // Scoring::kWindowProbability
};

}  // namespace deformer
