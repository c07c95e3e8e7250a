// Repeats the measurements of the paper (Cao et al., ACL 2020, tables 1 to 3) with random weights:
// its tasks, models and lengths, one input at a time, the cached side given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/benchmark.h"
#include "deformer/export.h"

namespace deformer {

/// One of the paper's tasks. Rows are slots, special tokens included: the paper computes every slot
/// (StonyBrookNLP/deformer, tasks/__init__.py).
struct PaperTask {
  std::string name;  ///< "squad", "boolq", "race", "mnli", "qqp"
  int fresh_rows = 0;
  int cached_rows = 0;
  int inputs = 1;     ///< that share the cached side: RACE's four choices
  bool span = false;  ///< a span head reads the passage's rows, else [CLS] alone is read
};
[[nodiscard]] DEFORMER_EXPORT std::vector<PaperTask> paper_tasks();

/// What the paper prints, where it does.
struct PaperFigures {
  std::optional<double> speedup;             ///< tables 1 and 2: a ratio of FLOPs
  std::optional<double> memory_cut_percent;  ///< tables 1 and 2
  std::optional<double> full_gflops;         ///< table 3, as is the rest
  std::optional<double> decomposed_gflops;
  std::optional<double> full_megabytes;
  std::optional<double> decomposed_megabytes;
};
/// By PaperTask::name and published_model_config()'s names; empty for what the paper lacks.
[[nodiscard]] DEFORMER_EXPORT PaperFigures paper_figures(std::string_view task,
                                                         std::string_view model);

/// Tensors that LibTorch's CPU allocator hands out in one run. Weights, the cached states and the
/// scratch memory of its libraries do not count.
struct TensorMemory {
  std::uint64_t requested_bytes = 0;  ///< summed over the run: the count of the paper's profiler
  std::uint64_t peak_bytes = 0;       ///< most at one time
};

/// One of the two sides that are compared.
struct PaperSide {
  double flops = 0;    ///< as estimate_flops() counts
  double seconds = 0;  ///< median
  TensorMemory memory;
};

struct PaperRow {
  PaperTask task;
  std::string model;
  int split_layer = 0;
  PaperSide full;
  PaperSide decomposed;
  Spread speedup;  ///< full time / decomposed time, by round
  std::size_t rounds = 0;
  PaperFigures paper;
};

struct PaperOptions {
  std::vector<std::string> tasks = {};  ///< empty: all
  /// Names of published_model_config(). Empty: bert-base and xlnet-base, and bert-large on squad,
  /// which is what the paper has of it.
  std::vector<std::string> models = {};
  int threads = 0;         ///< see Runtime::threads
  double min_seconds = 5;  ///< that either side of a row is measured, warm-up left out
  std::uint64_t seed = 1;
  /// Before each row; from the calling thread.
  std::function<void(std::size_t done, std::size_t total, const std::string& name)> progress =
      nullptr;
};

/// Model by model, in each the tasks in the paper's order. Throws kInvalidArgument for an unknown
/// name, kIncompatible for lengths that a model cannot hold.
[[nodiscard]] DEFORMER_EXPORT std::vector<PaperRow> run_paper_benchmark(
    const PaperOptions& options = {});

}  // namespace deformer
