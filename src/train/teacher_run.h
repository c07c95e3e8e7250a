// Asks a teacher for its answers to a whole training set, once.
#pragma once

#include "deformer/process_group.h"
#include "deformer/training.h"
#include "train/teacher_answers.h"
#include "train/training_model.h"
#include "train/training_set.h"

namespace deformer {

struct TeacherRun {
  const TrainingModel& teacher;
  const TrainingSet& set;
  const TrainingOptions& options;  ///< teacher_answers, pass_tokens, precision, checkpoint_minutes
  AnswersOwner owner;
  ProcessGroup* group = nullptr;  ///< null: this process alone
};

/// Takes the answers that the file has and has the teacher give the others; the file is saved every
/// checkpoint_minutes, when a stop is asked for, and at the end. Of several processes the first one
/// asks and the others wait for it. False: stopped before the end. Throws as TeacherAnswers.
[[nodiscard]] bool complete_answers(TeacherAnswers& answers, const TeacherRun& run,
                                    const TrainingHooks& hooks);

}  // namespace deformer
