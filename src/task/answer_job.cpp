#include "task/answer_job.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "deformer/encoder.h"
#include "deformer/error.h"
#include "model/segment_layout.h"
#include "model/span_head.h"
#include "nn/transfer.h"
#include "task/answer_collector.h"
#include "task/batch_pipeline.h"
#include "task/not_finite.h"
#include "task/parallel_pass.h"
#include "task/passage_groups.h"
#include "task/passage_source.h"
#include "task/span_decoder.h"
#include "task/stage_timer.h"
#include "text/word_extents.h"

namespace deformer {
namespace {

// A question while its passages are read.
struct QuestionState {
  Segment segment;
  at::Tensor hidden;  // lower-layer states, from first to last use
  std::size_t passages_left = 0;
  AnswerCollector collector;
};

// One question on one passage.
struct Unit {
  std::size_t request = 0;
  std::size_t order = 0;  // place of the passage in the request
};

using Group = PassageGroup<Unit>;

// A unit whose windows go through the upper layers.
struct UnitState {
  Unit unit;
  const ReadyPassage* passage = nullptr;
  std::span<const ByteSpan> extents;  // see decode_spans()
  std::size_t windows_left = 0;
  std::vector<std::vector<float>> start;  // by window
  std::vector<std::vector<float>> end;
  double no_answer_score = 0;
};

struct PairState {
  std::shared_ptr<UnitState> unit;  // keeps its portion alive
  std::size_t window = 0;
};

// Passages that were looked up together, and who asks about them. Its windows may go through the
// upper layers with those of the next portion.
struct Portion {
  std::vector<ReadyPassage> ready;
  std::vector<std::vector<ByteSpan>> extents;  // of each passage; empty without alignment to words
  std::vector<UnitState> units;
};

// Pairs whose logits are on their way.
struct RunningBatch {
  std::vector<PairState> pairs;
  std::vector<std::int64_t> offsets;  // [pairs + 1] into the logits; the last row is that of [CLS]
};

// A passage that a request names twice counts once.
PassageGroups<Unit> group_by_passage(std::span<const QaRequest> requests) {
  PassageGroups<Unit> groups;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& passages = requests[i].passages;
    for (std::size_t order = 0; order < passages.size(); ++order) {
      std::vector<Unit>& units = groups.of(passages[order]).askers;
      if (!units.empty() && units.back().request == i) continue;
      units.push_back({i, order});
    }
  }
  return groups;
}

class AnswerJob {
 public:
  AnswerJob(const Model& model, const PassageStore* store, std::span<const QaRequest> requests,
            const SpanQaOptions& options)
      : model_(model),
        options_(options),
        requests_(requests),
        source_(model, store, options.batch_tokens, options.stage_times),
        max_answer_tokens_(options.max_answer_tokens > 0 ? options.max_answer_tokens
                                                         : model.config().split.max_answer_tokens),
        questions_(requests.size()),
        results_(requests.size()),
        pipeline_([this](RunningBatch& batch, const nn::HostCopy& logits) {
          finish_batch(batch, logits);
        }) {}

  std::vector<QaResult> run() {
    tokenize_questions();
    const PassageGroups<Unit> groups = group_by_passage(requests_);
    for (const Group& group : groups.all()) {
      for (const Unit& unit : group.askers) ++questions_[unit.request].passages_left;
    }
    groups.for_each_portion(options_.batch_tokens,
                            [&](std::span<const Group> portion) { run_portion(portion); });
    run_batch();
    pipeline_.drain();
    return std::move(results_);
  }

 private:
  void tokenize_questions() {
    const StageTimer timer(options_.stage_times, &StageTimes::tokenize);
    const auto limit = static_cast<std::size_t>(model_.config().split.max_question_tokens);
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      TokenizedText tokens = model_.tokenizer().tokenize(requests_[i].question);
      if (tokens.ids.empty()) throw_request(i, "question", "at least one token, found none");
      if (requests_[i].passages.empty()) {
        throw_request(i, "passages", "at least one, found none");
      }
      results_[i].id = requests_[i].id;
      results_[i].question_cut = tokens.ids.size() > limit;
      if (results_[i].question_cut) tokens.ids.resize(limit);
      questions_[i].segment = model_.segment_layout().question(tokens.ids);
    }
  }

  [[noreturn]] void throw_request(std::size_t index, const char* field, const char* text) const {
    const std::string& id = requests_[index].id;
    const std::string name = id.empty() ? "request " + std::to_string(index) : "\"" + id + "\"";
    throw Error(ErrorCode::kInvalidArgument, name + ": " + field + ": expected " + text);
  }

  void run_portion(std::span<const Group> groups) {
    std::vector<const Passage*> passages;
    for (const Group& group : groups) passages.push_back(group.passage);
    const auto portion = std::make_shared<Portion>();
    portion->ready = source_.resolve(passages);
    find_words(*portion);
    portion->units = make_units(groups, *portion);
    for (UnitState& unit : portion->units) {
      if (unit.windows_left == 0) finish_unit(unit);
      const std::size_t windows = unit.windows_left;
      for (std::size_t window = 0; window < windows; ++window) {
        queue({std::shared_ptr<UnitState>(portion, &unit), window});
      }
    }
  }

  void queue(PairState pair) {
    const std::size_t tokens = joint_tokens(*pair.unit, pair.window);
    if (batch_tokens_ + tokens > options_.batch_tokens) run_batch();
    batch_.push_back(std::move(pair));
    batch_tokens_ += tokens;
  }

  void find_words(Portion& portion) const {
    if (!options_.align_to_words) return;
    const StageTimer timer(options_.stage_times, &StageTimes::decode);
    for (const ReadyPassage& passage : portion.ready) {
      portion.extents.push_back(word_extents(passage.encoded->text, passage.encoded->spans));
    }
  }

  std::vector<UnitState> make_units(std::span<const Group> groups, const Portion& portion) const {
    const std::vector<ReadyPassage>& ready = portion.ready;
    std::vector<UnitState> units;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const std::size_t windows = ready[i].encoded->windows.size();
      for (const Unit& unit : groups[i].askers) {
        UnitState& state = units.emplace_back();
        state.unit = unit;
        state.passage = &ready[i];
        state.extents = options_.align_to_words ? std::span<const ByteSpan>(portion.extents[i])
                                                : ready[i].encoded->spans;
        state.windows_left = windows;
        state.start.resize(windows);
        state.end.resize(windows);
        state.no_answer_score = std::numeric_limits<double>::infinity();
      }
    }
    return units;
  }

  std::size_t joint_tokens(const UnitState& unit, std::size_t window) const {
    return questions_[unit.unit.request].segment.ids.size() +
           unit.passage->encoded->windows[window].num_tokens +
           static_cast<std::size_t>(model_.segment_layout().passage_special_tokens());
  }

  void run_batch() {
    if (batch_.empty()) return;
    std::vector<SegmentPair> pairs;
    const Encoding questions = lower_questions(pairs);
    const Encoding passages = lower_passages(pairs);
    Encoding joint;
    std::optional<nn::HostCopy> logits;  // [2, rows]
    {
      const StageTimer timer(options_.stage_times, &StageTimes::upper);
      joint = upper_in_parts(model_, questions, passages, pairs, JointRows::kPassageAndCls);
      logits.emplace(model_.span_head()->logits(joint.hidden).t().contiguous());
    }
    pipeline_.push({std::exchange(batch_, {}), std::move(joint.offsets)}, *std::move(logits));
    batch_tokens_ = 0;
  }

  void finish_batch(const RunningBatch& batch, const nn::HostCopy& running) {
    at::Tensor logits;
    {
      const StageTimer timer(options_.stage_times, &StageTimes::upper);
      logits = running.wait();
    }
    const StageTimer timer(options_.stage_times, &StageTimes::decode);
    const float* start = logits.const_data_ptr<float>();
    const float* end = start + logits.size(1);
    for (std::size_t i = 0; i < batch.pairs.size(); ++i) {
      const std::int64_t first = batch.offsets[i];
      const std::int64_t cls = batch.offsets[i + 1] - 1;
      UnitState& unit = *batch.pairs[i].unit;
      const std::size_t window = batch.pairs[i].window;
      const std::size_t tokens = unit.passage->encoded->windows[window].num_tokens;
      unit.start[window].assign(start + first, start + first + tokens);
      unit.end[window].assign(end + first, end + first + tokens);
      unit.no_answer_score = std::min(unit.no_answer_score, double{start[cls]} + double{end[cls]});
      if (--unit.windows_left == 0) finish_unit(unit);
    }
    if (options_.progress) options_.progress(finished_, requests_.size());
  }

  // States of the batch's questions, each once; fills the pairs' question indices.
  Encoding lower_questions(std::vector<SegmentPair>& pairs) {
    const StageTimer timer(options_.stage_times, &StageTimes::lower);
    std::unordered_map<std::size_t, std::int64_t> index;
    std::vector<std::size_t> requests;
    std::vector<std::size_t> fresh;
    for (const PairState& pair : batch_) {
      const std::size_t request = pair.unit->unit.request;
      const auto [entry, added] =
          index.emplace(request, static_cast<std::int64_t>(requests.size()));
      pairs.push_back({.question = entry->second, .passage = 0});
      if (!added) continue;
      requests.push_back(request);
      if (!questions_[request].hidden.defined()) fresh.push_back(request);
    }
    compute_questions(fresh);
    Encoding encoding;
    encoding.offsets.push_back(0);
    std::vector<at::Tensor> states;
    for (const std::size_t request : requests) {
      states.push_back(questions_[request].hidden);
      encoding.offsets.push_back(encoding.offsets.back() + states.back().size(0));
    }
    encoding.hidden = at::cat(states);
    return encoding;
  }

  void compute_questions(std::span<const std::size_t> requests) {
    if (requests.empty()) return;
    std::vector<Segment> segments;
    for (const std::size_t request : requests) segments.push_back(questions_[request].segment);
    const Encoding encoding = lower_in_parts(model_, segments);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      questions_[requests[i]].hidden = encoding.hidden.narrow(
          0, encoding.offsets[i], encoding.length(static_cast<std::int64_t>(i)));
    }
  }

  // States of the batch's windows, each once where they do not depend on the question.
  Encoding lower_passages(std::vector<SegmentPair>& pairs) const {
    std::vector<WindowRequest> windows;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const UnitState& unit = *batch_[i].unit;
      const auto question_tokens =
          static_cast<std::int64_t>(questions_[unit.unit.request].segment.ids.size());
      const WindowRequest request{unit.passage, batch_[i].window, question_tokens};
      const auto place = std::find_if(windows.begin(), windows.end(), [&](const auto& other) {
        return other.passage == request.passage && other.window == request.window;
      });
      const bool shared =
          place != windows.end() && !model_.segment_layout().passage_depends_on_question();
      pairs[i].passage =
          shared ? place - windows.begin() : static_cast<std::int64_t>(windows.size());
      if (!shared) windows.push_back(request);
    }
    return source_.lower(windows);
  }

  void finish_unit(UnitState& unit) {
    const EncodedPassage& passage = *unit.passage->encoded;
    std::vector<WindowLogits> windows;
    for (std::size_t i = 0; i < passage.windows.size(); ++i) {
      windows.push_back({passage.windows[i], unit.start[i], unit.end[i]});
    }
    QuestionState& question = questions_[unit.unit.request];
    const DecodedSpans spans = decode_spans(windows, unit.extents, max_answer_tokens_,
                                            std::max<std::size_t>(options_.top_k, 1));
    if (!windows.empty() && !std::isfinite(spans.log_sum)) {
      refuse_not_finite(model_, passage.id);
    }
    question.collector.add(passage, unit.unit.order, spans, unit.no_answer_score, options_);
    unit.start.clear();
    unit.end.clear();
    if (--question.passages_left > 0) return;
    finish_question(unit.unit.request);
  }

  void finish_question(std::size_t request) {
    QuestionState& question = questions_[request];
    QaResult result = question.collector.finish(options_);
    results_[request].answers = std::move(result.answers);
    results_[request].no_answer_score = result.no_answer_score;
    question.hidden.reset();
    ++finished_;
  }

  const Model& model_;
  const SpanQaOptions& options_;
  std::span<const QaRequest> requests_;
  PassageSource source_;
  int max_answer_tokens_;
  std::vector<QuestionState> questions_;  // by request
  std::vector<QaResult> results_;         // by request
  std::vector<PairState> batch_;          // what the next pass runs
  std::size_t batch_tokens_ = 0;
  std::size_t finished_ = 0;
  BatchPipeline<RunningBatch, nn::HostCopy> pipeline_;
};

}  // namespace

std::vector<QaResult> run_answer_job(const Model& model, const PassageStore* store,
                                     std::span<const QaRequest> requests,
                                     const SpanQaOptions& options) {
  return AnswerJob(model, store, requests, options).run();
}

}  // namespace deformer
