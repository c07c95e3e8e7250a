// A span question on its way: logits to answers.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "deformer/model.h"
#include "deformer/span_qa.h"
#include "task/answer_collector.h"
#include "task/reading.h"

namespace deformer {

/// Throws kInvalidArgument for a value out of range.
void validate(const AnswerOptions& options);

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
  void take(const ReadPair& pair) override;
  void finish() override;
  void fail(const Error& error) override { done_(error); }

 private:
  const Model& model_;
  const QaRequest& request_;
  const AnswerOptions& options_;
  std::string name_;
  Done done_;
  int max_answer_tokens_;
  bool question_cut_ = false;
  AnswerCollector collector_;
};

}  // namespace deformer
