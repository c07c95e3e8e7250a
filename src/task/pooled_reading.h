// A request that is judged by the pooled head: a pair's class, or which choice is right.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "deformer/model.h"
#include "deformer/multiple_choice.h"
#include "deformer/pair_classifier.h"
#include "task/reading.h"

namespace deformer {

/// The head's outputs: a row a question text.
struct PooledOutputs {
  std::vector<std::vector<double>> logits;
  PairCuts cut;
};

class PooledReading final : public Reading {
 public:
  using Done = std::function<void(Outcome<PooledOutputs>&& outcome)>;

  /// A view of a request, which outlives the object.
  struct View {
    std::span<const std::string> questions;
    const Passage& passage;
    const RequestControl& control;
  };

  PooledReading(const Model& model, const View& request, std::string name, Done done);

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::span<const std::string> questions() const override {
    return request_.questions;
  }
  [[nodiscard]] std::span<const Passage> passages() const override {
    return {&request_.passage, 1};
  }
  [[nodiscard]] const RequestControl& control() const override { return request_.control; }
  void take(const ReadPair& pair) override;
  void finish() override { done_(std::move(outputs_)); }
  void fail(const Error& error) override { done_(error); }

 private:
  const Model& model_;
  View request_;
  std::string name_;
  Done done_;
  PooledOutputs outputs_;
};

/// `model` and `request` outlive the reading. `name`: see Reading::name().
[[nodiscard]] std::unique_ptr<Reading> make_pair_reading(
    const Model& model, const PairRequest& request, std::string name,
    std::function<void(Outcome<PairResult>&&)> done);
[[nodiscard]] std::unique_ptr<Reading> make_choice_reading(
    const Model& model, const ChoiceRequest& request, std::string name,
    std::function<void(Outcome<ChoiceResult>&&)> done);

/// Throws kIncompatible unless the weights have a pooled head with `outputs` outputs.
void require_pooled_head(const Model& model, std::int64_t outputs);

/// exp(logit) over their sum.
[[nodiscard]] std::vector<double> softmax(std::span<const double> logits);

}  // namespace deformer
