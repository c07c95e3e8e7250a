#include "train/teacher_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "architecture/config.h"
#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kIncompatible, "teacher: " + message);
}

void require_equal(const char* what, std::int64_t expected, std::int64_t found) {
  if (expected == found) return;
  refuse(std::string("expected ") + what + " " + std::to_string(expected) +
         " as the model has, found " + std::to_string(found) +
         ", and lrs compares their states; kd alone takes a teacher of another size");
}

void require_same_task(const ModelConfig& ours, const ModelConfig& theirs) {
  if (ours.task == theirs.task && ours.labels == theirs.labels) return;
  refuse("expected one for " + to_string(ours.task) + " (" + label_list(ours.labels) +
         ") with the same order of classes, found one for " + to_string(theirs.task) + " (" +
         label_list(theirs.labels) + ")");
}

bool same_tokenizer(const TrainingModel& student, const TrainingModel& teacher) {
  return student.tokenizer->hash() == teacher.tokenizer->hash();
}

void require_same_rows(const TrainingModel& student, const TrainingModel& teacher) {
  constexpr const char* kOtherwise = "; with teacher answers in a file and kd alone it may differ";
  if (student.config.architecture != teacher.config.architecture) {
    refuse("expected architecture " + student.config.architecture + ", found " +
           teacher.config.architecture + kOtherwise);
  }
  if (!same_tokenizer(student, teacher)) {
    refuse(
        std::string("expected the model's tokenizer, found another vocabulary or other options") +
        kOtherwise);
  }
}

// "292 tokens in its window and the answer at 3 to 5"
std::string pair_text(const TrainingSet& set, const TrainingPair& pair) {
  std::string tokens = std::to_string(set.windows[pair.window].size()) + " tokens in its window";
  if (!pair.has_answer()) return tokens;
  return tokens + " and the answer at " + std::to_string(pair.first) + " to " +
         std::to_string(pair.last);
}

// Classes and choices have one logit a pair, however it is cut.
bool same_pair(const TrainingSet& ours, const TrainingSet& theirs, std::size_t index) {
  const TrainingPair& a = ours.pairs[index];
  const TrainingPair& b = theirs.pairs[index];
  if (ours.question_ids[a.question] != theirs.question_ids[b.question]) return false;
  if (!ours.labels.empty()) return true;
  return a.first == b.first && a.last == b.last &&
         ours.windows[a.window].size() == theirs.windows[b.window].size();
}

void require_same_pairs(const TrainingSet& ours, const TrainingSet& theirs) {
  const std::size_t both = std::min(ours.pairs.size(), theirs.pairs.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (same_pair(ours, theirs, i)) continue;
    refuse("question " + in_quotes(ours.question_ids[ours.pairs[i].question]) +
           ": expected a tokenizer that cuts texts as the model's does, " +
           pair_text(ours, ours.pairs[i]) + ", found " + pair_text(theirs, theirs.pairs[i]));
  }
  if (ours.pairs.size() == theirs.pairs.size()) return;
  refuse("expected a tokenizer that cuts texts as the model's does, into " +
         std::to_string(ours.pairs.size()) + " questions and windows, found " +
         std::to_string(theirs.pairs.size()));
}

// The teacher reads questions and windows of the student's lengths.
void require_room(const TrainingModel& student, const TrainingModel& teacher) {
  ModelConfig config = teacher.config;
  config.split.max_question_tokens = student.config.split.max_question_tokens;
  config.split.window_tokens = student.config.split.window_tokens;
  config.split.window_step = student.config.split.window_step;
  try {
    validate(config);
  } catch (const Error& error) {
    throw Error(error.code(),
                std::string("teacher: with the lengths of the model it teaches: ") + error.what());
  }
}

void require_fitting(const TrainingModel& student, const TrainingModel& teacher,
                     const TrainingOptions& options) {
  require_same_task(student.config, teacher.config);
  if (options.loss_weights.lrs > 0) {
    require_equal("hidden_size", student.config.hidden_size, teacher.config.hidden_size);
    require_equal("num_hidden_layers", student.config.num_hidden_layers,
                  teacher.config.num_hidden_layers);
  }
  if (options.teacher_answers.empty()) require_same_rows(student, teacher);
  require_room(student, teacher);
}

}  // namespace

TrainingModel load_teacher(const std::filesystem::path& teacher_dir, const TrainingModel& student,
                           const TrainingOptions& options) {
  const ModelConfig theirs = read_model_config(teacher_dir).config;
  TrainingModelOptions load{.task = student.task,
                            .split_layers = {0},
                            .device = options.device,
                            .needs_head = true,
                            .trainable = false};
  load.task->labels = student.config.labels;
  if (theirs.architecture == student.config.architecture) {
    load.layout = student.config.split.layout;
  } else if (theirs.split.layout == Layout::kContinue) {
    load.layout = default_layout(theirs);
  }
  TrainingModel teacher = load_training_model(teacher_dir, load);
  require_fitting(student, teacher, options);
  return teacher;
}

std::optional<TrainingSet> make_teacher_set(const TrainingModel& student,
                                            const TrainingModel& teacher, const Dataset& data,
                                            const TrainingSet& set, Negatives negatives) {
  if (same_tokenizer(student, teacher)) return std::nullopt;
  TrainingSet theirs = make_training_set(data, *teacher.tokenizer, student.config.split, negatives);
  require_same_pairs(set, theirs);
  return theirs;
}

}  // namespace deformer
