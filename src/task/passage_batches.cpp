#include "task/passage_batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "model/model_access.h"
#include "nn/inference_scope.h"
#include "store/hidden_codec.h"
#include "task/not_finite.h"
#include "task/parallel_pass.h"
#include "task/preparation.h"
#include "task/stage_timer.h"

namespace deformer {
namespace {

// A passage whose windows are still going through the layers.
struct Pending {
  std::size_t index = 0;  // in the caller's list
  EncodedPassage passage;
  std::vector<std::int32_t> ids;
  std::vector<float> hidden;       // rows of the finished windows
  std::vector<float> projections;  // of the same rows, where they are asked for
  std::size_t windows_left = 0;
};

// Copies the rows [first, last) to the end of `rows`.
void append_rows(std::vector<float>& rows, const at::Tensor& values, std::int64_t first,
                 std::int64_t last) {
  const auto* data = values.const_data_ptr<float>();
  const std::int64_t width = values.size(1);
  rows.insert(rows.end(), data + first * width, data + last * width);
}

at::Tensor on_host(const at::Tensor& values) {
  return values.to(at::kCPU, at::kFloat).contiguous();
}

class BatchRunner {
 public:
  BatchRunner(const Model& model, const PassageBatchOptions& options, const EncodedSink& sink)
      : model_(model), options_(options), sink_(sink) {}

  void add(std::size_t index, const Passage& passage) {
    if (!is_wanted(index)) return;
    Pending pending = tokenize(index, passage);
    const std::vector<Window> windows = pending.passage.windows;
    const std::vector<std::int32_t> ids = std::move(pending.ids);
    pending_.push_back(std::move(pending));
    for (const Window& window : windows) {
      const auto tokens = std::span(ids).subspan(window.first_token, window.num_tokens);
      Segment segment = ModelAccess::layout(model_).passage(tokens, 0);
      if (batch_rows_ > 0 && batch_rows_ + segment.ids.size() > options_.batch_tokens) {
        run();
        // All other passages have been handed over.
        if (!is_wanted(index)) return pending_.clear();
      }
      batch_rows_ += segment.ids.size();
      segments_.push_back(std::move(segment));
    }
  }

  // Runs what is left and hands it over.
  std::size_t finish() {
    run();
    return rows_;
  }

 private:
  [[nodiscard]] bool is_wanted(std::size_t index) const {
    return !options_.is_wanted || options_.is_wanted(index);
  }

  Pending tokenize(std::size_t index, const Passage& passage) const {
    const StageTimer timer(options_.stage_times, &StageTimes::tokenize);
    Pending pending;
    pending.index = index;
    PreparedPassage prepared = prepare_passage(model_.tokenizer(), model_.config().split,
                                               model_.config().task, passage.text);
    pending.passage.id = passage.id;
    pending.passage.text = passage.text;
    pending.passage.windows = std::move(prepared.windows);
    pending.passage.spans = std::move(prepared.tokens.spans);
    pending.ids = std::move(prepared.tokens.ids);
    pending.windows_left = pending.passage.windows.size();
    return pending;
  }

  void run() {
    if (!segments_.empty()) {
      const StageTimer timer(options_.stage_times, &StageTimes::lower);
      const Encoding encoding = lower_in_parts(model_, segments_);
      distribute(encoding);
      rows_ += batch_rows_;
    }
    segments_.clear();
    batch_rows_ = 0;
    hand_over();
  }

  // Windows were queued passage by passage, so they come back in that order.
  void distribute(const Encoding& encoding) {
    const at::Tensor hidden = on_host(encoding.hidden);
    // One value that is no number is enough for that of the sum.
    if (!std::isfinite(hidden.sum().item<float>())) {
      refuse_not_finite(model_, first_not_finite(encoding, hidden).passage.id,
                        StatesOrigin::kComputed);
    }
    at::Tensor projections;
    if (options_.projections) projections = on_host(model_.encoder().project(encoding.hidden));
    std::size_t at = 0;
    for (std::int64_t i = 0; i < encoding.num_segments(); ++i) {
      while (pending_[at].windows_left == 0) ++at;
      Pending& pending = pending_[at];
      append_rows(pending.hidden, hidden, encoding.offsets[i], encoding.offsets[i + 1]);
      if (projections.defined()) {
        append_rows(pending.projections, projections, encoding.offsets[i], encoding.offsets[i + 1]);
      }
      --pending.windows_left;
    }
  }

  // The passage of the first window whose states are not all numbers.
  [[nodiscard]] const Pending& first_not_finite(const Encoding& encoding,
                                                const at::Tensor& hidden) const {
    std::size_t at = 0;
    std::size_t left = pending_.front().windows_left;
    for (std::int64_t i = 0; i < encoding.num_segments(); ++i) {
      while (left == 0) left = pending_[++at].windows_left;
      const at::Tensor rows = hidden.narrow(0, encoding.offsets[i], encoding.length(i));
      if (!std::isfinite(rows.sum().item<float>())) break;
      --left;
    }
    return pending_[at];
  }

  void hand_over() {
    std::size_t done = 0;
    while (done < pending_.size() && pending_[done].windows_left == 0) ++done;
    if (done == 0) return;
    std::vector<std::size_t> indices;
    std::vector<EncodedPassage> passages;
    for (std::size_t i = 0; i < done; ++i) {
      Pending& pending = pending_[i];
      pending.passage.hidden = in_codec(pending.hidden);
      if (options_.projections) {
        pending.passage.projections = in_codec(pending.projections);
        pending.passage.projection_hash = model_.projection_hash();
      }
      indices.push_back(pending.index);
      passages.push_back(std::move(pending.passage));
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
    sink_(indices, std::move(passages));
  }

  HiddenStates in_codec(const std::vector<float>& values) const {
    const auto width = static_cast<std::size_t>(model_.config().hidden_size);
    return encode_hidden(values, values.size() / width, width, options_.codec);
  }

  const Model& model_;
  const PassageBatchOptions& options_;
  const EncodedSink& sink_;
  std::vector<Pending> pending_;
  std::vector<Segment> segments_;
  std::size_t batch_rows_ = 0;
  std::size_t rows_ = 0;
};

}  // namespace

std::size_t encode_in_batches(const Model& model, std::span<const Passage* const> passages,
                              const PassageBatchOptions& options, const EncodedSink& sink) {
  const nn::InferenceScope inference;
  BatchRunner runner(model, options, sink);
  for (std::size_t i = 0; i < passages.size(); ++i) runner.add(i, *passages[i]);
  return runner.finish();
}

}  // namespace deformer
