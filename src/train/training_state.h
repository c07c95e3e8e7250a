// What a run needs to go on after an interruption: training/state.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "deformer/training.h"
#include "train/optimizer.h"

namespace deformer {

/// Beside weights and moments. The random state is no part of it: every draw is a function of seed,
/// step and pass.
struct TrainingPosition {
  std::uint64_t step = 0;            ///< steps done
  std::uint64_t evaluated_step = 0;  ///< the last one whose weights were scored
  double seconds = 0;                ///< of all runs so far
  std::optional<TrainingScore> best;
  /// What must be the same for a run to be continued: options, data, base (canonical text).
  std::string recipe;
};

/// Replaces the file as a whole. Throws kIo, kResourceExhausted; then the old file stays.
void save_training_state(const std::filesystem::path& path, const Adamw& optimizer,
                         const TrainingPosition& position);

/// Throws kNotFound, kCorrupt, kIncompatible where load_training_state() would for the file as a
/// whole; reads no weights.
void require_training_state(const std::filesystem::path& path, const std::string& recipe);

/// Fills the optimiser's parameters and moments. Throws kNotFound, kCorrupt, kIncompatible (another
/// recipe: both are named; tensors that do not fit).
[[nodiscard]] TrainingPosition load_training_state(const std::filesystem::path& path,
                                                   const std::string& recipe, Adamw& optimizer);

}  // namespace deformer
