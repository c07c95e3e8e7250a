// What makes two runs the same run.
#pragma once

#include <string>
#include <vector>

#include "train/training_model.h"
#include "train/training_set.h"

namespace deformer {

/// Throws kInvalidArgument naming the first option that is out of range or contradicts another.
void validate(const TrainingOptions& options);

/// Throws kInvalidArgument naming the first option that this model cannot follow: no layer would be
/// left to train, or the option has nothing to act on.
void require_fitting(const TrainingOptions& options, const TrainingModel& student);

/// Hex digests that tell data and weights apart.
[[nodiscard]] std::string hash_of(const TrainingSet& set);
/// Of what a teacher's answers depend on beside its weights: its config and tokenizer, and the
/// precision.
[[nodiscard]] std::string hash_of_reading(const TrainingModel& teacher,
                                          TrainingPrecision precision);
[[nodiscard]] std::string hash_of(const std::vector<Parameter>& parameters);
[[nodiscard]] std::string hash_of(const Dataset& dataset);

/// What a recipe says of the teacher.
struct TeacherFacts {
  std::string weights;           ///< hash_of(); empty: none
  bool answers_in_file = false;  ///< TrainingOptions::teacher_answers, in fp16
};

/// Canonical JSON of all that the weights after a step depend on: options, data, teacher, base,
/// whose weights the student still has; and what the best ones are chosen by, hash_of() the
/// validation data (empty: there are none). Two runs with one recipe on one kind of processor end
/// in the same weights.
[[nodiscard]] std::string make_recipe(const TrainingOptions& options, const TrainingSet& set,
                                      const TrainingModel& student, const TeacherFacts& teacher,
                                      const std::string& validation);

/// Whether a state with the recipe `stored` goes on as a run with `recipe`. An older version's says
/// nothing of the base's weights and vocabulary.
[[nodiscard]] bool is_same_run(const std::string& recipe, const std::string& stored);

}  // namespace deformer
