// A teacher beside its student: what both must share, and the data as the teacher reads them.
#pragma once

#include <filesystem>
#include <optional>

#include "deformer/dataset.h"
#include "deformer/training.h"
#include "train/training_model.h"
#include "train/training_set.h"

namespace deformer {

/// Loads a teacher, at split layer 0 and without gradients. Throws as load_training_model(), and
/// kIncompatible naming what differs from the student: the kind of answer and the order of classes;
/// with lrs layers and width. One that runs in every step reads the student's rows: it is of the
/// student's architecture, in its layout, and has its tokenizer. One whose answers are asked for
/// once (TrainingOptions::teacher_answers) may be of any architecture; one of another than the
/// student's is read in its own layout, `continue` as its encoder's first one of training.
[[nodiscard]] TrainingModel load_teacher(const std::filesystem::path& teacher_dir,
                                         const TrainingModel& student,
                                         const TrainingOptions& options);

/// `set`, which the student's tokenizer made of `data`, in ids of the teacher's tokenizer; none
/// where the teacher reads the set as it is. Throws kIncompatible naming the question where the
/// pairs differ: logits of a span belong to the window's tokens, so the teacher's tokenizer must
/// cut texts into the same pieces.
[[nodiscard]] std::optional<TrainingSet> make_teacher_set(const TrainingModel& student,
                                                          const TrainingModel& teacher,
                                                          const Dataset& data,
                                                          const TrainingSet& set,
                                                          Negatives negatives);

}  // namespace deformer
