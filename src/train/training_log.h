// training/log.jsonl: one JSON object a line (docs/training.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "deformer/training.h"
#include "train/training_state.h"

namespace deformer {

/// What one step line says beside the losses.
struct StepRecord {
  std::uint64_t step = 0;
  double epoch = 0;
  std::uint64_t questions = 0;  ///< of this step
  std::uint64_t tokens = 0;     ///< joint rows of this step
  double seconds = 0;           ///< since the first run began, interruptions left out
  double learning_rate = 0;
  double gradient_norm = 0;
  double tokens_per_second = 0;
  int split_layer = -1;  ///< -1: several at once
  StepLosses losses;
};

/// Appends lines; each is written at once. Not safe for concurrent calls.
class TrainingLog {
 public:
  /// Begins a new log, or keeps the lines of an interrupted run up to its position. Throws kIo,
  /// kResourceExhausted.
  TrainingLog(std::filesystem::path path, const TrainingPosition& position);
  ~TrainingLog();
  TrainingLog(const TrainingLog&) = delete;
  TrainingLog& operator=(const TrainingLog&) = delete;

  void start(const std::string& recipe, const TrainingDataReport& data, std::uint64_t steps);
  void step(const StepRecord& record);
  void score(const TrainingScore& score, double seconds, std::size_t questions);
  void end(std::uint64_t step, double seconds, bool finished);

 private:
  void write(const std::string& line);

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace deformer
