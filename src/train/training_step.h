// The gradients of one step, pass by pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "train/data_order.h"
#include "train/teacher_answers.h"
#include "train/training_model.h"
#include "train/training_pass.h"

namespace deformer {

/// Which passes of a step a process runs: those whose index is `rank` modulo `size`.
struct PassShare {
  std::uint64_t rank = 0;
  std::uint64_t size = 1;
};

struct StepOutcome {
  StepLosses losses;  ///< of the passes that were run: their part of the step's means
  std::size_t joint_rows =
      0;                 ///< of the whole step, special tokens included, each split layer counted
  int split_layer = -1;  ///< -1: several
};

/// Where kd and lrs get their targets from: a teacher that runs in every step, or its answers (kd
/// alone); neither where both weights are 0.
struct StepTeacher {
  const TrainingModel* model = nullptr;
  const TeacherAnswers* answers = nullptr;
};

/// Not safe for concurrent calls. Reader, teacher, set and options must outlive it.
class StepRunner {
 public:
  StepRunner(const TrainingModel& student, const StepTeacher& teacher, const TrainingSet& set,
             const TrainingOptions& options);

  /// Adds the gradients of a process's part of the step's mean loss to the student's parameters;
  /// the parts of all processes add up to the gradient of the mean. `step` counts from 1;
  /// the dropped positions depend on seed, step and pass alone. Throws kInvalidArgument naming step
  /// and questions when a loss is not finite.
  /// `before_last` is called before the last backward pass; not where this process has none.
  [[nodiscard]] StepOutcome run(const StepPlan& plan, std::uint64_t step,
                                const PassShare& share = {},
                                const std::function<void()>& before_last = nullptr);

 private:
  struct Split {
    int layer = 0;
    std::unique_ptr<const Encoder> encoder;
  };
  struct Counts;

  struct PassInput {
    const PassBatch& batch;
    const PassStates* target;  ///< null: there is none to compare with
    const PassOptions& options;
  };

  // The pass's part of the step's mean loss; adds its parts to `losses`.
  [[nodiscard]] at::Tensor pass_loss(const Split& split, const PassInput& pass,
                                     const Counts& counts, StepLosses& losses) const;
  // What the students of all these splits are compared with; `pairs` are those of the batch.
  [[nodiscard]] std::optional<PassStates> target_of(std::span<const Split> splits,
                                                    std::span<const std::uint32_t> pairs,
                                                    const PassBatch& batch,
                                                    const PassOptions& pass) const;
  [[noreturn]] void refuse_loss(std::span<const std::uint32_t> pairs, std::uint64_t step,
                                double loss) const;

  const TrainingModel& student_;
  StepTeacher teacher_;
  const TrainingSet& set_;
  const TrainingOptions& options_;
  at::Device device_;
  std::vector<Split> splits_;
};

}  // namespace deformer
