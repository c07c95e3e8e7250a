#include "bench/benchmark.h"

#include <algorithm>
#include <map>
#include <memory>
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

// Records that are in memory at once when a store is looked through.
constexpr std::size_t kLookedUpAtOnce = 64;

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
  std::vector<double> encode_seconds;  // per passage, by round
};

std::vector<Passage> passages_of(std::span<const BenchQuestion> questions) {
  std::vector<Passage> passages;
  for (const BenchQuestion& question : questions) passages.push_back(question.passage);
  return passages;
}

class Benchmark {
 public:
  Benchmark(std::span<const BenchColumn> columns, std::span<const BenchQuestion> questions,
            const BenchOptions& options)
      : questions_(questions), options_(options) {
    answer_first(*columns.begin());
    rows_ = count_rows(*columns.front().model, questions);
    plan_rounds();
    runs_.resize(columns.size());
    // What a memory: store holds must not count as memory of the columns that read none.
    for (const bool from_store : {false, true}) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (reads_store(columns[i].mode) == from_store) runs_[i] = warm_run(columns[i]);
      }
    }
  }

  BenchReport run() {
    double least = 0;
    while (report_.rounds < options_.min_rounds || least < options_.min_seconds) {
      run_round();
      least = options_.min_seconds;
      for (const auto& run : runs_) least = std::min(least, run->measured_seconds());
      if (options_.progress) options_.progress(least, options_.min_seconds);
    }
    const std::vector<QuestionRows> asked = asked_rows();
    report_.work = summarize(asked);
    report_.work.questions = questions_.size();
    report_.work.asked = std::min(asked.size(), questions_.size());
    for (const auto& run : runs_) {
      report_.columns.push_back(run->report(*runs_.front()));
      if (reads_store(run->mode())) add_reuse(*run, asked, report_.columns.back());
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

  std::unique_ptr<ColumnRun> warm_run(const BenchColumn& column) {
    std::shared_ptr<PassageStore> store;
    if (reads_store(column.mode)) store = stored(column).store;
    auto run = std::make_unique<ColumnRun>(column, std::move(store), questions_, options_);
    run->warm_up(indices(0));
    return run;
  }

  // As many questions as one pass of the model takes.
  void plan_rounds() {
    const BenchWork work = summarize(rows_);
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

  // Those of every question of every round.
  std::vector<QuestionRows> asked_rows() const {
    std::vector<QuestionRows> asked;
    for (std::size_t round = 0; round < report_.rounds; ++round) {
      for (const std::size_t index : indices(round)) asked.push_back(rows_[index]);
    }
    return asked;
  }

  using StoredKey = std::pair<std::shared_ptr<const Model>, BenchMode>;

  EncodeOptions encode_options(BenchMode mode) const {
    return {.batch_tokens = options_.batch_tokens,
            .codec = options_.codec,
            .projections = mode == BenchMode::kProjected};
  }

  // What is stored is read as it is, so it would be measured as what it is not.
  void require_fitting(const BenchColumn& column, const Passage& passage,
                       const EncodedPassage& found) const {
    const bool projected = column.mode == BenchMode::kProjected;
    const bool replaced = found.text != passage.text ||
                          (projected && found.projection_hash != column.model->projection_hash());
    if (replaced) return;
    if (!projected && found.projection_hash != 0) {
      throw_invalid("mode warm: expected passages without projections in " +
                    shown_uri(options_.store) +
                    ", found some with: measure them as mode projected");
    }
    if (found.hidden.codec == options_.codec) return;
    throw_invalid("--codec: expected passages of " + to_string(options_.codec) + " in " +
                  shown_uri(options_.store) + ", found some of " + to_string(found.hidden.codec));
  }

  void require_fitting(const BenchColumn& column, const PassageStore& store) const {
    for (std::size_t begin = 0; begin < questions_.size(); begin += kLookedUpAtOnce) {
      const auto part =
          questions_.subspan(begin, std::min(kLookedUpAtOnce, questions_.size() - begin));
      std::vector<std::string> ids;
      for (const BenchQuestion& question : part) ids.push_back(question.passage.id);
      const auto found = store.get(ids);
      for (std::size_t i = 0; i < part.size(); ++i) {
        if (found.at(i)) require_fitting(column, part[i].passage, *found[i]);
      }
    }
  }

  // The model's store with the passages, once a model and mode.
  StoredModel& stored(const BenchColumn& column) {
    const auto [entry, added] = stored_.try_emplace({column.model, column.mode});
    if (added) fill(column, entry->second);
    return entry->second;
  }

  void fill(const BenchColumn& column, StoredModel& stored) {
    const ThreadsGuard threads(column.model->runtime().threads);
    stored.store = open_passage_store(options_.store, column.model->fingerprint());
    // Before anything is put there: a store that is refused stays as it was.
    require_fitting(column, *stored.store);
    const Stopwatch watch;
    const EncodeReport filled = PassageEncoder(column.model, stored.store)
                                    .encode(passages_of(questions_), encode_options(column.mode));
    report_.fill_seconds += watch.seconds();
    report_.filled_passages += filled.encoded;
  }

  void run_round() {
    const std::vector<std::size_t> chosen = indices(report_.rounds);
    for (const auto& run : runs_) run->warm_new_shapes(chosen);
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      runs_[(i + report_.rounds) % runs_.size()]->run_round(chosen, roof_);
    }
    for (auto& [key, stored] : stored_) encode_round(key, stored, chosen);
    ++report_.rounds;
  }

  void encode_round(const StoredKey& key, StoredModel& stored,
                    std::span<const std::size_t> chosen) const {
    const auto& [model, mode] = key;
    const ThreadsGuard threads(model->runtime().threads);
    std::vector<Passage> texts;
    for (const std::size_t index : chosen) texts.push_back(questions_[index].passage);
    const Stopwatch watch;
    static_cast<void>(encode_passages(*model, texts, encode_options(mode)));
    stored.encode_seconds.push_back(watch.seconds() / static_cast<double>(texts.size()));
  }

  // `asked`: asked_rows()
  void add_reuse(const ColumnRun& run, std::span<const QuestionRows> asked,
                 BenchColumnReport& report) const {
    const StoredModel& stored = stored_.at({run.model(), run.mode()});
    double flops = 0;
    for (const QuestionRows& rows : asked) {
      flops += encode_flops(run.model()->config(), run.mode(), rows);
    }
    report.encode = BenchEncode{spread_of(stored.encode_seconds), report_.work.passage_rows,
                                flops / static_cast<double>(asked.size())};
    const auto full = std::find_if(runs_.begin(), runs_.end(), [&](const auto& other) {
      return other->mode() == BenchMode::kFull && other->model() == run.model();
    });
    if (full == runs_.end()) return;
    report.reuse = reuse_curve(quantile((*full)->batch_means(), 0.5),
                               quantile(run.batch_means(), 0.5), report.encode->seconds.median);
  }

  std::span<const BenchQuestion> questions_;
  const BenchOptions& options_;
  std::vector<QuestionRows> rows_;                // one a question
  std::vector<std::unique_ptr<ColumnRun>> runs_;  // one a column, in their order
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
