#include "task/pair_job.h"
#include "task/not_finite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "deformer/encoder.h"
#include "deformer/error.h"
#include "model/architecture.h"
#include "model/joint.h"
#include "model/pooled_head.h"
#include "model/segment_layout.h"
#include "nn/transfer.h"
#include "task/batch_pipeline.h"
#include "task/parallel_pass.h"
#include "task/passage_groups.h"
#include "task/passage_source.h"
#include "task/stage_timer.h"

namespace deformer {
namespace {

using Group = PassageGroup<std::size_t>;  // places among the inputs

using ReadyPassages = std::vector<ReadyPassage>;

struct Pair {
  std::size_t input = 0;
  std::shared_ptr<const ReadyPassage> passage;  // null for a blank one
};

bool is_blank(const Passage& passage) {
  return passage.id.empty() && passage.text.empty();
}

// Something stands behind the last token that was read.
bool was_cut(const EncodedPassage& passage) {
  if (passage.spans.empty()) return false;
  return passage.text.find_first_not_of(" \t\r\n\f\v", passage.spans.back().end) !=
         std::string::npos;
}

class PairJob {
 public:
  PairJob(const Model& model, const PassageStore* store, std::span<const PairInput> inputs,
          const ClassifyOptions& options)
      : model_(model),
        layout_(model.segment_layout()),
        inputs_(inputs),
        options_(options),
        source_(model, store, options.batch_tokens, options.stage_times),
        question_special_tokens_(layout_.question({}).ids.size()),
        passage_special_tokens_(static_cast<std::size_t>(layout_.passage_special_tokens())),
        outputs_(inputs.size()),
        pipeline_([this](const std::vector<Pair>& batch, const nn::HostCopy& logits) {
          finish_batch(batch, logits);
        }) {}

  std::vector<PairOutput> run() {
    tokenize_questions();
    PassageGroups<std::size_t> groups;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      groups.of(*inputs_[i].passage).askers.push_back(i);
    }
    groups.for_each_portion(options_.batch_tokens,
                            [&](std::span<const Group> portion) { run_portion(portion); });
    run_batch();
    pipeline_.drain();
    return std::move(outputs_);
  }

 private:
  void tokenize_questions() {
    const StageTimer timer(options_.stage_times, &StageTimes::tokenize);
    const auto limit = static_cast<std::size_t>(model_.config().split.max_question_tokens);
    questions_.reserve(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      std::vector<std::int32_t> ids = model_.tokenizer().tokenize(inputs_[i].question).ids;
      outputs_[i].cut.question = ids.size() > limit;
      if (ids.size() > limit) ids.resize(limit);
      questions_.push_back(std::move(ids));
    }
  }

  void run_portion(std::span<const Group> groups) {
    std::vector<const Passage*> passages;
    for (const Group& group : groups) {
      if (!is_blank(*group.passage)) passages.push_back(group.passage);
    }
    const auto ready = std::make_shared<const ReadyPassages>(source_.resolve(passages));
    std::size_t next = 0;
    for (const Group& group : groups) {
      std::shared_ptr<const ReadyPassage> passage;  // keeps the portion alive
      if (!is_blank(*group.passage)) passage = {ready, &(*ready)[next++]};
      // Texts without a token have no window.
      if (passage && passage->encoded->windows.empty()) passage = nullptr;
      for (const std::size_t input : group.askers) queue({input, passage});
    }
  }

  void queue(Pair pair) {
    const std::size_t tokens = joint_tokens(pair);
    if (batch_tokens_ + tokens > options_.batch_tokens) run_batch();
    batch_.push_back(std::move(pair));
    batch_tokens_ += tokens;
  }

  [[nodiscard]] std::size_t passage_rows(const Pair& pair) const {
    const std::size_t tokens =
        pair.passage == nullptr ? 0 : pair.passage->encoded->windows.front().num_tokens;
    return tokens + passage_special_tokens_;
  }

  [[nodiscard]] Segment question_segment(const Pair& pair) const {
    return layout_.question(questions_[pair.input], static_cast<std::int64_t>(passage_rows(pair)));
  }

  [[nodiscard]] std::size_t joint_tokens(const Pair& pair) const {
    return questions_[pair.input].size() + question_special_tokens_ + passage_rows(pair);
  }

  void run_batch() {
    if (batch_.empty()) return;
    std::vector<SegmentPair> pairs(batch_.size());
    const Encoding questions = lower_questions(pairs);
    const Encoding passages = lower_passages(questions, pairs);
    std::optional<nn::HostCopy> logits;  // [pairs, outputs]
    {
      const StageTimer timer(options_.stage_times, &StageTimes::upper);
      const Encoding cls = upper_in_parts(model_, questions, passages, pairs, JointRows::kCls);
      const PooledHead& head = *model_.pooled_head();
      logits.emplace(head.logits(head.pool(cls.hidden)));
    }
    pipeline_.push(std::exchange(batch_, {}), *std::move(logits));
    batch_tokens_ = 0;
  }

  void finish_batch(const std::vector<Pair>& batch, const nn::HostCopy& running) {
    at::Tensor logits;
    {
      const StageTimer timer(options_.stage_times, &StageTimes::upper);
      logits = running.wait();
    }
    const StageTimer timer(options_.stage_times, &StageTimes::decode);
    const auto* values = logits.const_data_ptr<float>();
    const std::int64_t outputs = logits.size(1);
    for (const Pair& pair : batch) {
      finish(pair, {values, values + outputs});
      values += outputs;
    }
    if (options_.progress) options_.progress(finished_, inputs_.size());
  }

  void finish(const Pair& pair, std::vector<double> logits) {
    if (!std::all_of(logits.begin(), logits.end(), [](double x) { return std::isfinite(x); })) {
      refuse_not_finite(model_, inputs_[pair.input].passage->id);
    }
    PairOutput& output = outputs_[pair.input];
    output.logits = std::move(logits);
    output.cut.passage = pair.passage != nullptr && was_cut(*pair.passage->encoded);
    ++finished_;
  }

  // One segment a pair; equal questions on one passage are rare.
  Encoding lower_questions(std::vector<SegmentPair>& pairs) const {
    const StageTimer timer(options_.stage_times, &StageTimes::lower);
    std::vector<Segment> segments;
    segments.reserve(batch_.size());
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      pairs[i].question = static_cast<std::int64_t>(i);
      segments.push_back(question_segment(batch_[i]));
    }
    return lower_in_parts(model_, segments);
  }

  // States of the batch's passages, each once where they do not depend on the question; those of
  // blank ones behind them.
  Encoding lower_passages(const Encoding& questions, std::vector<SegmentPair>& pairs) const {
    std::vector<WindowRequest> windows;
    std::vector<Segment> blanks;
    std::vector<std::size_t> blank_pairs;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const std::int64_t question_tokens = questions.length(static_cast<std::int64_t>(i));
      if (batch_[i].passage == nullptr) {
        blank_pairs.push_back(i);
        blanks.push_back(layout_.passage({}, question_tokens));
        continue;
      }
      // The pairs of one passage stand together.
      const bool shared = !windows.empty() && windows.back().passage == batch_[i].passage.get() &&
                          !layout_.passage_depends_on_question();
      if (!shared) windows.push_back({batch_[i].passage.get(), 0, question_tokens});
      pairs[i].passage = std::ssize(windows) - 1;
    }
    for (std::size_t i = 0; i < blank_pairs.size(); ++i) {
      pairs[blank_pairs[i]].passage = static_cast<std::int64_t>(windows.size() + i);
    }
    if (blanks.empty()) return source_.lower(windows);
    Encoding lowered = lower_in_parts(model_, blanks);
    if (windows.empty()) return lowered;
    const std::array<Encoding, 2> encodings{source_.lower(windows), std::move(lowered)};
    return concatenate(encodings);
  }

  const Model& model_;
  const SegmentLayout& layout_;
  std::span<const PairInput> inputs_;
  const ClassifyOptions& options_;
  PassageSource source_;
  std::size_t question_special_tokens_;
  std::size_t passage_special_tokens_;
  std::vector<std::vector<std::int32_t>> questions_;  // by input
  std::vector<PairOutput> outputs_;                   // by input
  std::vector<Pair> batch_;                           // what the next pass runs
  std::size_t batch_tokens_ = 0;
  std::size_t finished_ = 0;
  BatchPipeline<std::vector<Pair>, nn::HostCopy> pipeline_;
};

}  // namespace

std::vector<PairOutput> run_pair_job(const Model& model, const PassageStore* store,
                                     std::span<const PairInput> inputs,
                                     const ClassifyOptions& options) {
  if (options.batch_tokens < 1) {
    throw Error(ErrorCode::kInvalidArgument, "batch_tokens: expected at least 1, found 0");
  }
  return PairJob(model, store, inputs, options).run();
}

void require_pooled_head(const Model& model, std::int64_t outputs) {
  const PooledHeadForm& names =
      pooled_head_form(architecture_of(model.config()), model.config().task);
  const std::string expected = "model: expected a head (" + names.pooler + ", " + names.output +
                               ") with " + std::to_string(outputs) + " outputs for " +
                               to_string(model.config().task) + ", found ";
  const PooledHead* const head = model.pooled_head();
  if (head == nullptr) throw Error(ErrorCode::kIncompatible, expected + "weights without one");
  if (head->outputs() == outputs) return;
  throw Error(ErrorCode::kIncompatible, expected + std::to_string(head->outputs()));
}

std::vector<double> softmax(std::span<const double> logits) {
  if (logits.empty()) return {};
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double logit : logits) {
    shares.push_back(std::exp(logit - top));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

}  // namespace deformer
