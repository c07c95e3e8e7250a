// The paper's tables, in the one place that holds them.
#include <algorithm>
#include <array>

#include "bench/paper_benchmark.h"

namespace deformer {
namespace {

// Lengths as the original code sets them (tasks/__init__.py: the longest first segment and its two
// special tokens; the rest of the input). Its profiles cache the second segment, of MNLI the first;
// the paper's text says the first question for QQP, with which its 2.0x cannot come about either.
struct TaskRow {
  std::string_view name;
  int fresh_rows;
  int cached_rows;
  int inputs;
  bool span;
};
constexpr std::array<TaskRow, 5> kTasks{{{"squad", 27, 293, 1, true},
                                         {"boolq", 17, 303, 1, false},
                                         {"race", 32, 480, 4, false},
                                         {"mnli", 33, 87, 1, false},
                                         {"qqp", 42, 58, 1, false}}};

// Table 1 (BERT-base), table 2 (XLNet-base): "speed-up" and "memory reduction" of the decomposed
// model, the passage cached.
struct ReductionRow {
  std::string_view task;
  std::string_view model;
  double speedup;
  double memory_cut_percent;
};
constexpr std::array<ReductionRow, 8> kReductions{{{"squad", "bert-base", 3.2, 70.3},
                                                   {"race", "bert-base", 3.4, 72.9},
                                                   {"boolq", "bert-base", 3.5, 72.0},
                                                   {"mnli", "bert-base", 2.2, 56.4},
                                                   {"qqp", "bert-base", 2.0, 50.0},
                                                   {"squad", "xlnet-base", 2.7, 65.8},
                                                   {"race", "xlnet-base", 2.8, 67.6},
                                                   {"boolq", "xlnet-base", 3.0, 68.3}}};

// Table 3: SQuAD. GFLOPs and MB.
constexpr double kBertBaseGflops = 58.4;
constexpr double kBertBaseMegabytes = 584.2;
constexpr double kBertLargeGflops = 204.1;
constexpr double kBertLargeMegabytes = 1549.6;
constexpr double kDecomposedLargeGflops = 47.7;
constexpr double kDecomposedLargeMegabytes = 359.7;

}  // namespace

std::vector<PaperTask> paper_tasks() {
  std::vector<PaperTask> tasks;
  tasks.reserve(kTasks.size());
  for (const TaskRow& row : kTasks) {
    tasks.push_back({std::string(row.name), row.fresh_rows, row.cached_rows, row.inputs, row.span});
  }
  return tasks;
}

PaperFigures paper_figures(std::string_view task, std::string_view model) {
  PaperFigures figures;
  const auto* const row = std::find_if(
      kReductions.begin(), kReductions.end(),
      [&](const ReductionRow& known) { return known.task == task && known.model == model; });
  if (row != kReductions.end()) {
    figures.speedup = row->speedup;
    figures.memory_cut_percent = row->memory_cut_percent;
  }
  if (task == "squad" && model == "bert-base") {
    figures.full_gflops = kBertBaseGflops;
    figures.full_megabytes = kBertBaseMegabytes;
  }
  if (task == "squad" && model == "bert-large") {
    figures.full_gflops = kBertLargeGflops;
    figures.full_megabytes = kBertLargeMegabytes;
    figures.decomposed_gflops = kDecomposedLargeGflops;
    figures.decomposed_megabytes = kDecomposedLargeMegabytes;
    figures.speedup = kBertLargeGflops / kDecomposedLargeGflops;
    figures.memory_cut_percent = 100 * (1 - kDecomposedLargeMegabytes / kBertLargeMegabytes);
  }
  return figures;
}

}  // namespace deformer
