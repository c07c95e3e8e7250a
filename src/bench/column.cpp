#include "bench/column.h"

#include <utility>

#include "base/stopwatch.h"
#include "bench/process.h"
#include "bench/statistics.h"
#include "nn/product_choice.h"

namespace deformer {
namespace {

constexpr double kGiga = 1e9;

std::shared_ptr<const Model> asked_model(const BenchColumn& column) {
  return column.mode == BenchMode::kFull ? column.model->with_split_layer(0) : column.model;
}

// A stored passage is known by its id alone: a text would be compared with the stored one.
std::vector<QaRequest> make_requests(BenchMode mode, std::span<const BenchQuestion> questions) {
  std::vector<QaRequest> requests;
  for (const BenchQuestion& each : questions) {
    Passage passage = each.passage;
    if (reads_store(mode)) passage.text.clear();
    requests.push_back({.question = each.question, .passages = {std::move(passage)}});
  }
  return requests;
}

// `roof_seconds`: Roof::seconds() of `products`.
void add_rates(SeriesState& state, double flops, double seconds, const PassProducts& products,
               double roof_seconds) {
  state.gflops.push_back(flops / seconds / kGiga);
  state.roof_gflops.push_back(products.linear_flops() / roof_seconds / kGiga);
}

BenchSeries finish(const SeriesState& state, const SeriesState& baseline) {
  BenchSeries series = state.series;
  series.gflops = spread_of(state.gflops);
  series.roof_gflops = spread_of(state.roof_gflops);
  series.share_of_roof = ratio_spread(state.gflops, state.roof_gflops);
  series.against_baseline = ratio_spread(baseline.round_means, state.round_means);
  return series;
}

}  // namespace

ColumnRun::ColumnRun(const BenchColumn& column, std::shared_ptr<const PassageStore> store,
                     std::span<const BenchQuestion> questions, const BenchOptions& options)
    : column_(column),
      asked_(asked_model(column)),
      qa_(asked_, std::move(store)),
      batch_tokens_(options.batch_tokens),
      requests_(make_requests(column.mode, questions)),
      rows_(count_rows(*asked_, questions)) {}

double ColumnRun::ask(std::span<const QaRequest> requests, StageTimes* times) const {
  const Stopwatch watch;
  const StageTimes stages = qa_.answer_each(
      requests,
      [](std::size_t, Outcome<QaResult>&& outcome) { static_cast<void>(outcome.value()); }, {},
      {.batch_tokens = batch_tokens_});
  const double seconds = watch.seconds();
  if (times != nullptr) *times += stages;
  return seconds;
}

std::vector<QuestionRows> ColumnRun::rows_of(std::span<const std::size_t> indices) const {
  std::vector<QuestionRows> rows;
  for (const std::size_t index : indices) rows.push_back(rows_[index]);
  return rows;
}

PassProducts ColumnRun::products(std::span<const std::size_t> indices) const {
  return answer_products(asked_->config(), column_.mode, rows_of(indices));
}

void ColumnRun::warm_up(std::span<const std::size_t> indices) {
  const ThreadsGuard threads(asked_->runtime().threads);
  reset_peak_memory();
  warm_new_shapes(indices);
  std::vector<QaRequest> batch;
  for (const std::size_t index : indices) batch.push_back(requests_[index]);
  static_cast<void>(ask(batch, nullptr));
  peak_bytes_ = peak_memory_bytes();
}

void ColumnRun::warm_new_shapes(std::span<const std::size_t> indices) {
  const ThreadsGuard threads(asked_->runtime().threads);
  for (const std::size_t index : new_shapes(rows_, indices, warmed_)) {
    static_cast<void>(ask({&requests_[index], 1}, nullptr));
  }
}

void ColumnRun::run_round(std::span<const std::size_t> indices, Roof& roof) {
  const ThreadsGuard threads(asked_->runtime().threads);
  run_single(indices, roof);
  run_batch(indices, roof);
}

void ColumnRun::run_single(std::span<const std::size_t> indices, Roof& roof) {
  double sum = 0;
  double flops = 0;
  for (const std::size_t index : indices) {
    const double seconds = ask({&requests_[index], 1}, &single_.series.stages);
    single_.series.seconds_per_question.push_back(seconds);
    sum += seconds;
    flops += products({&index, 1}).flops();
  }
  computed_flops_ += flops;
  single_.series.seconds += sum;
  single_.round_means.push_back(sum / static_cast<double>(indices.size()));
  // One question stands for the round: the roof of all would take as long as the round itself.
  const PassProducts one = products(indices.first(1));
  if (product_rows_.empty()) note_rows(indices.first(1));
  add_rates(single_, flops, sum, one, roof.seconds(one, nn::placement_of(asked_->runtime())));
}

void ColumnRun::note_rows(std::span<const std::size_t> indices) {
  const bool cpu = asked_->runtime().device == Device::kCpu;
  const PassLimits limits{batch_tokens_,
                          cpu ? static_cast<std::size_t>(ThreadsGuard::current()) : 1};
  std::vector<std::size_t> text_bytes;
  for (const std::size_t index : indices) {
    text_bytes.push_back(requests_[index].passages.front().text.size());
  }
  product_rows_.merge(
      first_pass_rows(asked_->config(), column_.mode, rows_of(indices), text_bytes, limits));
}

void ColumnRun::run_batch(std::span<const std::size_t> indices, Roof& roof) {
  std::vector<QaRequest> batch;
  for (const std::size_t index : indices) {
    batch.push_back(requests_[index]);
    joint_tokens_ += static_cast<double>(joint_rows(rows_[index]));
    flops_ += question_flops(column_.model->config(), column_.mode, rows_[index]);
  }
  const auto count = static_cast<double>(indices.size());
  questions_ += count;
  const double seconds = ask(batch, &batch_.series.stages);
  batch_.series.seconds += seconds;
  batch_.round_means.push_back(seconds / count);
  const PassProducts computed = products(indices);
  if (batch_.round_means.size() == 1) note_rows(indices);
  add_rates(batch_, computed.flops(), seconds, computed,
            roof.seconds(computed, nn::placement_of(asked_->runtime())));
}

BenchColumnReport ColumnRun::report(const ColumnRun& baseline) const {
  BenchColumnReport report;
  report.name = column_.name;
  report.mode = column_.mode;
  report.split_layer = asked_->config().split.split_layer;
  report.runtime = asked_->runtime();
  {
    const ThreadsGuard threads(asked_->runtime().threads);
    report.runtime.threads = ThreadsGuard::current();
  }
  report.flops = flops_ / questions_;
  report.computed_flops = computed_flops_ / questions_;
  report.latency = latency_of(single_.series.seconds_per_question);
  report.single = finish(single_, baseline.single_);
  report.batch = finish(batch_, baseline.batch_);
  report.batch.seconds_per_question = batch_.round_means;
  report.questions_per_second = questions_ / batch_.series.seconds;
  report.tokens_per_second = joint_tokens_ / batch_.series.seconds;
  for (const std::int64_t rows : product_rows_) {
    report.products.push_back({rows, to_string(nn::product_kind(asked_->runtime(), rows))});
  }
  report.peak_bytes = peak_bytes_;
  return report;
}

}  // namespace deformer
