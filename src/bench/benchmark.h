// For deciding whether decomposition pays: measures the joint model against the decomposed one, on
// the same weights and questions, in one run. docs/performance.md says what each figure means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/model.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"
#include "deformer/squad.h"

namespace deformer {

/// What happens to a passage when a question comes.
enum class BenchMode : std::uint8_t {
  kFull,  ///< the same weights at split_layer 0: question and passage through all layers together
  kCold,  ///< decomposed: the passage is encoded for this question, and not kept
  kWarm,  ///< decomposed: the passage's states are in the store
  kProjected,  ///< decomposed: and the first upper layer's projections with them
};

[[nodiscard]] DEFORMER_EXPORT std::string to_string(BenchMode mode);
/// Parses "full", "cold", "warm", "projected". Throws kInvalidArgument naming the accepted values.
[[nodiscard]] DEFORMER_EXPORT BenchMode parse_bench_mode(std::string_view name);

/// A question about one passage.
struct BenchQuestion {
  std::string question;
  Passage passage;
};

/// Rows of a question and of a passage as the layers see them, special tokens included. The
/// defaults are the slots of the paper's measurements.
struct RowLengths {
  int question = 27;
  int passage = 293;
};

/// Questions and passages of exactly these lengths, of random tokens, each question with a passage
/// of its own. Equal arguments give equal texts. Throws kInvalidArgument for lengths that the model
/// would cut (max_question_tokens, window_tokens) or that leave no token, kUnsupported for a
/// tokenizer that has no short words.
[[nodiscard]] DEFORMER_EXPORT std::vector<BenchQuestion> make_synthetic_questions(
    const Model& model, const RowLengths& lengths, std::size_t count, std::uint64_t seed);

/// At most `count` paragraphs of the file, drawn without repetition, each with one of its
/// questions. Equal arguments give equal questions. Blank questions are passed over, and paragraphs
/// without text or question. Throws kInvalidArgument when nothing is left.
[[nodiscard]] DEFORMER_EXPORT std::vector<BenchQuestion> sample_questions(
    const SquadDataset& dataset, std::size_t count, std::uint64_t seed);

/// One way of answering that is measured beside the others: a mode of a model as it was loaded
/// (device, precision, threads).
struct BenchColumn {
  std::string name;
  BenchMode mode = BenchMode::kFull;
  std::shared_ptr<const Model> model;  ///< kFull makes the joint model of it
};

struct BenchOptions {
  /// Of kWarm or kProjected; passages that it lacks are put there. Named, it serves one of the two.
  std::string store = "memory:";
  HiddenCodec codec = HiddenCodec::kFp32;  ///< of what is put there, and of what is there
  std::size_t batch_tokens = 4096;         ///< BatchOptions::batch_tokens; a round takes so much
  double min_seconds = 10;                 ///< that each column is measured, warm-up left out
  std::size_t min_rounds = 3;
  /// Seconds measured, of the column that has least, and min_seconds; from the calling thread.
  std::function<void(double done, double total)> progress = nullptr;
};

/// A figure that every round gives: median, smallest and largest.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};

/// Mean and quantiles of the time of one question, in seconds; linear between two samples.
struct Latency {
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
};

/// One column's questions, one a call or as many as a round has in one call.
struct BenchSeries {
  /// One a call: of each question; together: the mean of each round. In the order of measuring.
  std::vector<double> seconds_per_question;
  StageTimes stages;        ///< summed
  double seconds = 0;       ///< summed; what no stage took is the rest
  Spread gflops;            ///< products that were computed over time, by round
  Spread roof_gflops;       ///< of plain products of the same shapes, in the same rounds
  Spread share_of_roof;     ///< gflops / roof_gflops, by round
  Spread against_baseline;  ///< time of the first column over this one's, by round
};

/// The encode step, without the write to the store. Per passage.
struct BenchEncode {
  Spread seconds;
  double rows = 0;
  double flops = 0;  ///< as estimate_flops() counts
};

/// Time of one question when its passage is asked `questions_per_passage` questions.
struct ReusePoint {
  int questions_per_passage = 1;
  double seconds = 0;
};

/// What precomputing gains: encode / q + warm, against full. Times per question in batches.
struct ReuseCurve {
  double full_seconds = 0;
  double warm_seconds = 0;
  double encode_seconds = 0;
  std::vector<ReusePoint> points;    ///< q = 1, 2, 4, 8, 16, 32
  std::optional<double> break_even;  ///< q where both are equal; none: never
};

/// Which product the layers' weights are multiplied with, see describe_products() (inspect.h).
struct BenchProduct {
  std::int64_t rows = 0;
  std::string product;  ///< "plain", "packed", "fp16", "int8"
};

struct BenchColumnReport {
  std::string name;
  BenchMode mode = BenchMode::kFull;
  int split_layer = 0;
  Runtime runtime;            ///< threads: those in use
  double flops = 0;           ///< a question that was asked, as estimate_flops() counts
  double computed_flops = 0;  ///< the same: products that were computed (docs/performance.md)
  Latency latency;            ///< of single
  BenchSeries single;
  BenchSeries batch;
  double questions_per_second = 0;  ///< of batch
  double tokens_per_second = 0;     ///< of batch: joint rows, special tokens included
  /// Of the first question alone and of the first batch (kCold: of questions, and of the passages
  /// that are encoded for them), with the rows of each thread's part where a pass is dealt out to
  /// threads.
  std::vector<BenchProduct> products;
  std::uint64_t peak_bytes = 0;            ///< VmHWM of this column's warm-up; 0 = not known
  std::optional<BenchEncode> encode = {};  ///< kWarm and kProjected
  std::optional<ReuseCurve> reuse = {};    ///< the same, with a kFull column of the same model
};

struct BenchMachine {
  std::string cpu;
  unsigned logical_cpus = 0;
  std::string libtorch;  ///< its version
  int threads = 0;       ///< LibTorch's of one operator, where nothing else is said
};
[[nodiscard]] DEFORMER_EXPORT BenchMachine describe_machine();

/// Means are over the questions that were asked, each as often as it was.
struct BenchWork {
  std::size_t questions = 0;
  std::size_t asked = 0;  ///< of these, at least once
  double question_rows = 0;
  double passage_rows = 0;  ///< of all windows
  double windows = 0;
};

struct BenchReport {
  BenchMachine machine;
  BenchWork work;
  std::size_t rounds = 0;
  std::size_t round_questions = 0;  ///< of each column in each round, singly and together
  double first_answer_seconds = 0;  ///< of the first call ever: the first question, its passage new
  std::size_t filled_passages = 0;  ///< put into the store before measuring
  double fill_seconds = 0;          ///< of encoding and writing them
  std::vector<BenchColumnReport> columns;  ///< as given; ratios are against the first
};

/// Warms up, then goes round: every column answers the same questions, each alone and all together,
/// another column first each time, until each has been measured for min_seconds. What a question of
/// new lengths costs once is paid before its round. Stores are filled when the columns that read
/// none have been warmed up, so that their peak of memory has no part in it. Sets LibTorch's
/// threads as the columns say and restores them. The columns' models must cut texts alike. Not safe
/// for concurrent calls, which would measure each other. Throws kInvalidArgument without columns or
/// questions, for modes but kFull at split_layer 0, where one named store is to serve kWarm and
/// kProjected, and, before anything is put there, where it holds asked passages with another codec
/// or, for kWarm, with projections; and as SpanQa and open_passage_store().
[[nodiscard]] DEFORMER_EXPORT BenchReport run_benchmark(std::span<const BenchColumn> columns,
                                                        std::span<const BenchQuestion> questions,
                                                        const BenchOptions& options = {});

/// Wall time since this process was started, to 0.01 s; 0 = not known.
[[nodiscard]] DEFORMER_EXPORT double process_seconds();

}  // namespace deformer
