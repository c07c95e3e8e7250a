#include "bench/benchmark.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/shown_uri.h"
#include "base/stopwatch.h"
#include "bench/column.h"
#include "bench/process.h"
#include "bench/statistics.h"
#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "nn/guard.h"

namespace deformer {
namespace {

// Every open makes a store of its own.
constexpr const char* kOwnStore = "memory:";

[[noreturn]] void throw_invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}

void require_valid(std::span<const BenchColumn> columns, std::span<const BenchQuestion> questions,
                   const BenchOptions& options) {
  if (columns.empty()) throw_invalid("benchmark: expected at least one column, found none");
  if (questions.empty()) throw_invalid("benchmark: expected at least one question, found none");
  if (options.batch_tokens < 1) throw_invalid("batch_tokens: expected at least 1, found 0");
  if (!(options.min_seconds >= 0)) throw_invalid("min_seconds: expected 0 or more");
  for (const BenchColumn& column : columns) {
    if (!column.model) throw_invalid("benchmark: expected a model, found null");
    const bool joint = column.model->config().split.split_layer == 0;
    if (joint && column.mode != BenchMode::kFull) {
      throw_invalid("mode " + to_string(column.mode) +
                    ": expected a split layer above 0, found 0: nothing is computed ahead");
    }
  }
  const auto has = [&](BenchMode mode) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const BenchColumn& column) { return column.mode == mode; });
  };
  if (options.store != kOwnStore && has(BenchMode::kWarm) && has(BenchMode::kProjected)) {
    throw_invalid("store: expected one of the modes warm and projected with " +
                  shown_uri(options.store) + ", found both");
  }
}

// What the columns of one model share that read the same from a store.
struct StoredModel {
  std::shared_ptr<PassageStore> store;
  double rows = 0;                     // of a passage, mean
  double flops = 0;                    // of encoding it, mean
  std::vector<double> encode_seconds;  // per passage, by round
};

class Benchmark {
 public:
  Benchmark(std::span<const BenchColumn> columns, std::span<const BenchQuestion> questions,
            const BenchOptions& options)
      : questions_(questions), options_(options) {
    answer_first(*columns.begin());
    const std::vector<QuestionRows> rows = count_rows(*columns.front().model, questions);
    report_.work = summarize(rows);
    plan_rounds();
    for (const BenchColumn& column : columns) {
      std::shared_ptr<PassageStore> store;
      if (reads_store(column.mode)) store = stored(column, rows).store;
      runs_.emplace_back(column, std::move(store), questions, options);
    }
  }

  BenchReport run() {
    for (ColumnRun& run : runs_) run.warm_up(indices(0));
    double least = 0;
    while (report_.rounds < options_.min_rounds || least < options_.min_seconds) {
      run_round();
      least = options_.min_seconds;
      for (const ColumnRun& run : runs_) least = std::min(least, run.measured_seconds());
      if (options_.progress) options_.progress(least, options_.min_seconds);
    }
    for (const ColumnRun& run : runs_) {
      report_.columns.push_back(run.report(runs_.front()));
      if (reads_store(run.mode())) add_reuse(run, report_.columns.back());
    }
    report_.machine = describe_machine();
    return std::move(report_);
  }

 private:
  // Before anything else: what a process waits for that has just loaded its model.
  void answer_first(const BenchColumn& column) {
    const ThreadsGuard threads(column.model->runtime().threads);
    const SpanQa qa(column.model);
    const QaRequest request{.question = questions_.front().question,
                            .passages = {questions_.front().passage}};
    const Stopwatch watch;
    static_cast<void>(qa.answer({&request, 1}, {}, {.batch_tokens = options_.batch_tokens}));
    report_.first_answer_seconds = watch.seconds();
  }

  // As many questions as one pass of the model takes.
  void plan_rounds() {
    const BenchWork& work = report_.work;
    const double joint = work.question_rows * work.windows + work.passage_rows;
    const auto fitting =
        static_cast<std::size_t>(static_cast<double>(options_.batch_tokens) / joint);
    report_.round_questions = std::clamp<std::size_t>(fitting, 1, questions_.size());
  }

  std::vector<std::size_t> indices(std::size_t round) const {
    std::vector<std::size_t> chosen(report_.round_questions);
    std::iota(chosen.begin(), chosen.end(), round * chosen.size());
    for (std::size_t& index : chosen) index %= questions_.size();
    return chosen;
  }

  std::vector<Passage> passages(std::span<const std::size_t> chosen) const {
    std::vector<Passage> passages;
    for (const std::size_t index : chosen) passages.push_back(questions_[index].passage);
    return passages;
  }

  using StoredKey = std::pair<std::shared_ptr<const Model>, BenchMode>;

  EncodeOptions encode_options(BenchMode mode) const {
    return {.batch_tokens = options_.batch_tokens,
            .codec = options_.codec,
            .projections = mode == BenchMode::kProjected};
  }

  // What such a passage holds is read, so it would be measured as what it is not.
  void require_no_projections(const PassageStore& store) const {
    for (const BenchQuestion& question : questions_) {
      const auto found = store.hashes({&question.passage.id, 1});
      if (!found[0] || found[0]->projections == 0) continue;
      throw_invalid("mode warm: expected passages without projections in " +
                    shown_uri(options_.store) +
                    ", found some with: measure them as mode projected");
    }
  }

  // Opens the model's store and fills it, once a model and mode.
  StoredModel& stored(const BenchColumn& column, std::span<const QuestionRows> rows) {
    const auto [entry, added] = stored_.try_emplace({column.model, column.mode});
    StoredModel& stored = entry->second;
    if (!added) return stored;
    const auto count = static_cast<double>(rows.size());
    for (const QuestionRows& each : rows) {
      for (const std::int64_t window : each.windows) {
        stored.rows += static_cast<double>(window) / count;
      }
      stored.flops += encode_flops(column.model->config(), column.mode, each) / count;
    }
    const ThreadsGuard threads(column.model->runtime().threads);
    stored.store = open_passage_store(options_.store, column.model->fingerprint());
    std::vector<std::size_t> all(questions_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const Stopwatch watch;
    const EncodeReport filled = PassageEncoder(column.model, stored.store)
                                    .encode(passages(all), encode_options(column.mode));
    report_.fill_seconds += watch.seconds();
    report_.filled_passages += filled.encoded;
    if (column.mode == BenchMode::kWarm) require_no_projections(*stored.store);
    return stored;
  }

  void run_round() {
    const std::vector<std::size_t> chosen = indices(report_.rounds);
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      runs_[(i + report_.rounds) % runs_.size()].run_round(chosen, roof_);
    }
    for (auto& [key, stored] : stored_) encode_round(key, stored, chosen);
    ++report_.rounds;
  }

  void encode_round(const StoredKey& key, StoredModel& stored,
                    std::span<const std::size_t> chosen) const {
    const auto& [model, mode] = key;
    const ThreadsGuard threads(model->runtime().threads);
    const std::vector<Passage> texts = passages(chosen);
    const Stopwatch watch;
    static_cast<void>(encode_passages(*model, texts, encode_options(mode)));
    stored.encode_seconds.push_back(watch.seconds() / static_cast<double>(texts.size()));
  }

  void add_reuse(const ColumnRun& run, BenchColumnReport& report) const {
    const StoredModel& stored = stored_.at({run.model(), run.mode()});
    report.encode = BenchEncode{spread_of(stored.encode_seconds), stored.rows, stored.flops};
    const auto full = std::find_if(runs_.begin(), runs_.end(), [&](const ColumnRun& other) {
      return other.mode() == BenchMode::kFull && other.model() == run.model();
    });
    if (full == runs_.end()) return;
    report.reuse = reuse_curve(quantile(full->batch_means(), 0.5), quantile(run.batch_means(), 0.5),
                               report.encode->seconds.median);
  }

  std::span<const BenchQuestion> questions_;
  const BenchOptions& options_;
  std::vector<ColumnRun> runs_;
  std::map<StoredKey, StoredModel> stored_;
  Roof roof_;
  BenchReport report_;
};

}  // namespace

std::string to_string(BenchMode mode) {
  switch (mode) {
    case BenchMode::kFull:
      return "full";
    case BenchMode::kCold:
      return "cold";
    case BenchMode::kWarm:
      return "warm";
    case BenchMode::kProjected:
      return "projected";
  }
  return "unknown";
}

BenchMode parse_bench_mode(std::string_view name) {
  for (const BenchMode mode :
       {BenchMode::kFull, BenchMode::kCold, BenchMode::kWarm, BenchMode::kProjected}) {
    if (name == to_string(mode)) return mode;
  }
  throw_invalid("mode: expected full, cold, warm or projected, found \"" + std::string(name) +
                "\"");
}

BenchReport run_benchmark(std::span<const BenchColumn> columns,
                          std::span<const BenchQuestion> questions, const BenchOptions& options) {
  require_valid(columns, questions, options);
  return nn::guarded([&] { return Benchmark(columns, questions, options).run(); });
}

}  // namespace deformer
