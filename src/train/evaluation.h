// Scores a reader that training has just written, as its users would run it.
#pragma once

#include <cstddef>
#include <memory>
#include <variant>

#include "deformer/dataset.h"
#include "deformer/model.h"
#include "deformer/pair_dataset.h"
#include "deformer/training.h"

namespace deformer {

/// Questions set aside, all with their answers.
using HeldOut = std::variant<SquadDataset, PairDataset, RaceDataset>;

[[nodiscard]] std::size_t num_questions(const HeldOut& held_out);

/// The score at the model's split; its `step` is left at 0.
[[nodiscard]] TrainingScore evaluate_reader(const std::shared_ptr<const Model>& model,
                                            const HeldOut& held_out);

}  // namespace deformer
