// What it brings to deal a pass out to the CPU's threads in parts (src/task/parallel_pass.h). No
// test; run by hand on a machine that does nothing else:
//
//   deformer_parallel_pass_times MODEL PRECISION THREADS QUESTION_ROWS PASSAGE_ROWS PAIRS ROUNDS
//
// MODEL is a published size ("bert-base"), its weights are random. PAIRS questions and passages of
// these rows go through the lower layers (passages alone) and through the upper ones, whole and in
// parts by turns, ROUNDS times each, the order changed every time. The ratio is taken within a
// round: what else the machine does meets both.
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "bench/process.h"
#include "bench/statistics.h"
#include "deformer/encoder.h"
#include "deformer/model.h"
#include "deformer/model_config.h"
#include "task/parallel_pass.h"

namespace deformer {
namespace {

struct Arguments {
  std::string model;
  Precision precision = Precision::kFp32;
  int threads = 1;
  int question_rows = 0;
  int passage_rows = 0;
  std::size_t pairs = 0;
  int rounds = 0;
};

std::vector<Segment> make_segments(SegmentRole role, const Arguments& arguments) {
  constexpr std::int32_t kFirstId = 1000;  // behind the special tokens of every vocabulary
  const int rows =
      role == SegmentRole::kQuestion ? arguments.question_rows : arguments.passage_rows;
  const int begin = role == SegmentRole::kQuestion ? 0 : arguments.question_rows;
  std::vector<Segment> segments(arguments.pairs, Segment{.role = role});
  std::int32_t id = kFirstId;
  for (Segment& segment : segments) {
    for (int i = 0; i < rows; ++i) {
      segment.ids.push_back(id++);
      segment.positions.push_back(begin + i);
    }
    if (id > 2 * kFirstId) id = kFirstId;
  }
  return segments;
}

struct Turns {
  std::vector<double> whole;  // seconds
  std::vector<double> parts;
};

template <typename Pass>
Turns take_turns(const Arguments& arguments, const Pass& pass) {
  const auto time = [&](std::size_t threads) {
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(pass(threads));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto threads = static_cast<std::size_t>(arguments.threads);
  static_cast<void>(time(threads));  // warm-up
  static_cast<void>(time(1));
  Turns turns;
  for (int round = 0; round < arguments.rounds; ++round) {
    if (round % 2 == 0) turns.whole.push_back(time(1));
    turns.parts.push_back(time(threads));
    if (round % 2 != 0) turns.whole.push_back(time(1));
  }
  return turns;
}

void report(const char* what, const Turns& turns) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < turns.whole.size(); ++i) {
    ratios.push_back(turns.parts[i] / turns.whole[i]);
  }
  std::printf("%-14s whole %8.1f ms, parts %8.1f ms, parts / whole %.3f (%.3f to %.3f)\n", what,
              1000 * quantile(turns.whole, 0.5), 1000 * quantile(turns.parts, 0.5),
              quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75));
  std::fflush(stdout);
}

void run(const Arguments& arguments) {
  const c10::InferenceMode inference;
  const auto model =
      Model::random(published_model_config(arguments.model),
                    {.runtime = {.precision = arguments.precision, .threads = arguments.threads}});
  const Encoder& encoder = model->encoder();
  const auto question_segments = make_segments(SegmentRole::kQuestion, arguments);
  const auto passage_segments = make_segments(SegmentRole::kPassage, arguments);
  std::vector<SegmentPair> pairs;
  for (std::size_t i = 0; i < arguments.pairs; ++i) {
    pairs.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(i)});
  }
  std::printf("%s, %s, %s, %d threads, %zu pairs of %d + %d rows, %d rounds\n", cpu_name().c_str(),
              arguments.model.c_str(), to_string(arguments.precision).c_str(), arguments.threads,
              arguments.pairs, arguments.question_rows, arguments.passage_rows, arguments.rounds);
  report("lower layers", take_turns(arguments, [&](std::size_t threads) {
           return lower_in_parts(encoder, threads, passage_segments);
         }));
  const Encoding questions = lower_in_parts(encoder, 1, question_segments);
  const Encoding passages = lower_in_parts(encoder, 1, passage_segments);
  report(
      "upper layers", take_turns(arguments, [&](std::size_t threads) {
        return upper_in_parts(encoder, threads, {questions, passages, pairs, JointRows::kPassage});
      }));
}

}  // namespace
}  // namespace deformer

int main(int argc, char** argv) {
  if (argc != 8) {
    std::cerr << "usage: deformer_parallel_pass_times MODEL PRECISION THREADS QUESTION_ROWS "
                 "PASSAGE_ROWS PAIRS ROUNDS\n";
    return EXIT_FAILURE;
  }
  try {
    deformer::run({.model = argv[1],
                   .precision = deformer::parse_precision(argv[2]),
                   .threads = std::stoi(argv[3]),
                   .question_rows = std::stoi(argv[4]),
                   .passage_rows = std::stoi(argv[5]),
                   .pairs = std::stoul(argv[6]),
                   .rounds = std::stoi(argv[7])});
  } catch (const std::exception& error) {
    std::cerr << "deformer_parallel_pass_times: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
