#include "bench/paper_run.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "architecture/segment_layout.h"
#include "base/stopwatch.h"
#include "bench/device_wait.h"
#include "bench/random.h"
#include "bench/statistics.h"
#include "bench/tensor_memory.h"
#include "bench/workload.h"
#include "deformer/encoder.h"
#include "deformer/inspect.h"
#include "model/model_access.h"

namespace deformer {
namespace {

constexpr std::size_t kMinRounds = 3;

// The inputs of a task, and both ways over them. The head is left out: one product of a few
// columns.
class PaperInputs {
 public:
  PaperInputs(const Model& model, const PaperTask& task, std::uint64_t seed)
      : decomposed_(model.encoder()),
        full_(model.encoder().with_split_layer(0)),
        rows_(task.span ? JointRows::kPassage : JointRows::kCls) {
    BenchRandom random(seed);
    const SpecialRows special = special_rows(model.config());
    const auto draw = [&](int count) {
      std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
      const auto vocabulary = static_cast<std::size_t>(model.config().vocab_size);
      for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.below(vocabulary));
      return ids;
    };
    for (int i = 0; i < task.inputs; ++i) {
      fresh_.push_back(
          ModelAccess::layout(model).question(draw(task.fresh_rows - special.question)));
      pairs_.push_back({.question = i, .passage = 0});
    }
    cached_.push_back(
        ModelAccess::layout(model).passage(draw(task.cached_rows - special.passage), 0));
    stored_ = decomposed_.lower(cached_);
  }

  void run_full() const { run(*full_, full_->lower(cached_)); }
  void run_decomposed() const { run(decomposed_, stored_); }

 private:
  void run(const Encoder& encoder, const Encoding& cached) const {
    wait_for(encoder.upper(encoder.lower(fresh_), cached, pairs_, rows_).hidden);
  }

  const Encoder& decomposed_;
  std::unique_ptr<const Encoder> full_;
  JointRows rows_;
  std::vector<Segment> fresh_;
  std::vector<Segment> cached_;
  std::vector<SegmentPair> pairs_;
  Encoding stored_;
};

}  // namespace

PaperRow run_paper_task(const Model& model, const PaperTask& task, const PaperRunOptions& options) {
  const c10::InferenceMode inference;
  const PaperInputs inputs(model, task, options.seed);
  PaperRow row;
  row.task = task;
  row.split_layer = model.config().split.split_layer;
  const SpecialRows special = special_rows(model.config());
  const FlopsEstimate flops = estimate_flops(
      model.config(), {task.fresh_rows - special.question, task.cached_rows - special.passage});
  row.full.flops = flops.full * task.inputs;
  row.decomposed.flops = flops.decomposed * task.inputs;
  inputs.run_full();
  inputs.run_decomposed();
  row.full.memory = measure_tensor_memory([&] { inputs.run_full(); });
  row.decomposed.memory = measure_tensor_memory([&] { inputs.run_decomposed(); });

  std::vector<double> full;
  std::vector<double> decomposed;
  double full_sum = 0;
  double decomposed_sum = 0;
  while (full.size() < kMinRounds || std::min(full_sum, decomposed_sum) < options.min_seconds) {
    const Stopwatch full_watch;
    inputs.run_full();
    full.push_back(full_watch.seconds());
    full_sum += full.back();
    const Stopwatch decomposed_watch;
    inputs.run_decomposed();
    decomposed.push_back(decomposed_watch.seconds());
    decomposed_sum += decomposed.back();
  }
  row.full.seconds = quantile(full, 0.5);
  row.decomposed.seconds = quantile(decomposed, 0.5);
  row.speedup = ratio_spread(full, decomposed);
  row.rounds = full.size();
  return row;
}

}  // namespace deformer
