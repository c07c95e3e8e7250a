// One column of a benchmark: asks, times and sums up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "bench/benchmark.h"
#include "bench/roof.h"
#include "bench/workload.h"

namespace deformer {

/// What one series of a column has measured so far.
struct SeriesState {
  BenchSeries series;               // of the batches without seconds_per_question: round_means
  std::vector<double> round_means;  // seconds of a question
  std::vector<double> gflops;       // by round, as is the next
  std::vector<double> roof_gflops;
};

/// Not safe for concurrent calls.
class ColumnRun {
 public:
  /// `store` holds the questions' passages; null unless the column reads_store(). The questions
  /// outlive the object. Throws as SpanQa.
  ColumnRun(const BenchColumn& column, std::shared_ptr<const PassageStore> store,
            std::span<const BenchQuestion> questions, const BenchOptions& options);

  /// Asks the questions of these indices without keeping times: warm_new_shapes(), and all
  /// together. The peak of the memory is that of this call.
  void warm_up(std::span<const std::size_t> indices);

  /// Asks alone, without keeping its time, a question of each number of rows that has not been
  /// asked so: what a new one costs once (a packed weight, compiled code) is no latency of a
  /// question.
  void warm_new_shapes(std::span<const std::size_t> indices);

  /// Asks the questions of these indices, each alone and all together, and keeps the times; `roof`
  /// measures plain products of the same shapes right after.
  void run_round(std::span<const std::size_t> indices, Roof& roof);

  [[nodiscard]] double measured_seconds() const {
    return single_.series.seconds + batch_.series.seconds;
  }

  /// All but what needs other columns' figures is filled from what was measured; ratios are against
  /// `baseline`, which ran the same rounds.
  [[nodiscard]] BenchColumnReport report(const ColumnRun& baseline) const;

  [[nodiscard]] BenchMode mode() const { return column_.mode; }
  [[nodiscard]] const std::shared_ptr<const Model>& model() const { return column_.model; }
  /// Of a question in batches, by round.
  [[nodiscard]] std::span<const double> batch_means() const { return batch_.round_means; }

 private:
  [[nodiscard]] double ask(std::span<const QaRequest> requests, StageTimes* times) const;
  void run_single(std::span<const std::size_t> indices, Roof& roof);
  void run_batch(std::span<const std::size_t> indices, Roof& roof);
  void note_rows(std::span<const std::size_t> indices);
  [[nodiscard]] std::vector<QuestionRows> rows_of(std::span<const std::size_t> indices) const;
  [[nodiscard]] PassProducts products(std::span<const std::size_t> indices) const;

  BenchColumn column_;
  std::shared_ptr<const Model> asked_;  // the joint model for kFull
  SpanQa qa_;
  std::size_t batch_tokens_;
  std::vector<QaRequest> requests_;  // one a question
  std::vector<QuestionRows> rows_;   // one a question
  std::set<QuestionRows> warmed_;    // shapes that were asked alone
  std::set<std::int64_t> product_rows_;
  std::uint64_t peak_bytes_ = 0;
  // Sums over the questions of all rounds.
  double questions_ = 0;
  double joint_tokens_ = 0;
  double flops_ = 0;
  double computed_flops_ = 0;
  SeriesState single_;
  SeriesState batch_;
};

}  // namespace deformer
