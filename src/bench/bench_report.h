// A benchmark for people and for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/benchmark.h"
#include "deformer/model_config.h"
#include "deformer/passage_store.h"

namespace deformer {

struct BenchSummary {
  std::string model;  // directory, or a published model's name
  ModelConfig config;
  std::int64_t parameters = 0;
  std::string questions;  // what was asked: "27 + 293 rows", or a file
  std::uint64_t seed = 0;
  std::string store;
  HiddenCodec codec = HiddenCodec::kFp32;
  std::size_t batch_tokens = 0;
  double before_load_seconds = 0;  // from the start of the process
  double load_seconds = 0;
  BenchReport report;
};

/// From the start of the process to the first answer; reading the questions is left out.
[[nodiscard]] double cold_start_seconds(const BenchSummary& summary);

/// A stage and its share of a series' time. All stages and "other", in the order of the work; the
/// shares sum to 1.
struct StageShare {
  std::string name;
  double share = 0;
};
[[nodiscard]] std::vector<StageShare> stage_shares(const BenchSeries& series);

/// "64 of dev.json, 18 of them asked": the last where not all were.
[[nodiscard]] std::string questions_text(const BenchSummary& summary);

/// "1,234 MiB"; "not known" for 0.
[[nodiscard]] std::string mebibytes(std::uint64_t bytes);
/// "12.3 ms", with three digits or so.
[[nodiscard]] std::string milliseconds(double seconds);
/// "3.05 (2.98 to 3.11)".
[[nodiscard]] std::string spread_text(const Spread& spread, int decimals);
/// "3.05 (2.98 to 3.11)x"; "1x" for a column against itself.
[[nodiscard]] std::string ratio_text(const Spread& ratio);

[[nodiscard]] DEFORMER_EXPORT std::string to_table(const BenchSummary& summary);
/// One object in one line (docs/cli.md).
[[nodiscard]] DEFORMER_EXPORT std::string to_json(const BenchSummary& summary);

}  // namespace deformer
