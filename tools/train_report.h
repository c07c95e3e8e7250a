// What `deformer train` says: while it runs and at its end.
#pragma once

#include <optional>
#include <string>

#include "deformer/training.h"
#include "tools/talk.h"

namespace deformer::tools {

/// Progress line, data notes, scores. Must outlive the run.
class TrainingDisplay {
 public:
  explicit TrainingDisplay(const Talk& talk) : talk_(talk) {}

  [[nodiscard]] TrainingHooks hooks();

 private:
  void show_data(const TrainingDataReport& data);
  void show_teacher(const TeacherProgress& progress);
  void show_step(const TrainingProgress& progress);
  void show_scoring(const ScoringProgress& progress);
  void show_score(const TrainingScore& score);

  const Talk& talk_;
  std::optional<Progress> progress_;  // of the teacher or of the steps
  std::optional<Progress> scoring_;
};

/// One line.
[[nodiscard]] std::string to_text(const TrainingResult& result);
/// One JSON object and a line feed.
[[nodiscard]] std::string to_json(const TrainingResult& result);

}  // namespace deformer::tools
