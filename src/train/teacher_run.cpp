#include "train/teacher_run.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/stopwatch.h"
#include "task/callback.h"
#include "train/reduced_precision.h"
#include "train/speedometer.h"
#include "train/training_pass.h"

namespace deformer {
namespace {

// What the first process tells the others.
constexpr float kAsking = 0;
constexpr float kAnswered = 1;
constexpr float kStopped = 2;

// The end of the examples that one pass takes: about `pass_tokens` joint tokens, at least one
// example.
std::size_t end_of_pass(const TrainingSet& set, std::size_t first, std::size_t pass_tokens) {
  std::size_t tokens = 0;
  for (std::size_t example = first; example < set.num_examples(); ++example) {
    for (std::size_t i = 0; i < set.pairs_per_example; ++i) {
      const TrainingPair& pair = set.pairs[example * set.pairs_per_example + i];
      tokens += set.questions[pair.question].size() + set.windows[pair.window].size();
    }
    if (tokens > pass_tokens && example > first) return example;
  }
  return set.num_examples();
}

// Gives the joint rows that it took.
std::size_t answer_next(TeacherAnswers& answers, const TeacherRun& run) {
  const Tf32Products products(run.options.precision);
  const std::size_t end = end_of_pass(run.set, answers.size(), run.options.pass_tokens);
  std::vector<std::uint32_t> indices((end - answers.size()) * run.set.pairs_per_example);
  std::iota(indices.begin(), indices.end(),
            static_cast<std::uint32_t>(answers.size() * run.set.pairs_per_example));
  const PassBatch batch = make_pass_batch(run.set, indices, *run.teacher.layout);
  const std::optional<PassStates> states =
      run_teacher({*run.teacher.encoder, *run.teacher.head}, 0, batch,
                  {.weights = {.kd = 1}, .precision = run.options.precision});
  answers.append(states->logits);
  return static_cast<std::size_t>(batch.joint_rows());
}

// The file's, or none. A file that cannot be written is found out now, and not after hours.
void begin(TeacherAnswers& answers, const TeacherRun& run) {
  if (is_there(run.options.teacher_answers)) {
    answers.load(run.options.teacher_answers, run.owner);
  } else {
    answers.save(run.options.teacher_answers, run.owner);
  }
}

void tell(ProcessGroup* group, float state) {
  std::vector<float> numbers{state};
  if (group == nullptr) return;
  group->begin_sum(numbers);
  group->finish_sums();
}

bool ask(TeacherAnswers& answers, const TeacherRun& run, const TrainingHooks& hooks) {
  begin(answers, run);
  Speedometer speed;
  Stopwatch since_saved;
  while (!answers.complete() && !hooks.stop_wanted()) {
    const Stopwatch watch;
    const std::size_t rows = answer_next(answers, run);
    speed.add(watch.seconds(), rows);
    if (hooks.on_teacher) {
      call_back(hooks.on_teacher,
                TeacherProgress{answers.size(), run.set.num_examples(), speed.tokens_per_second()});
    }
    if (answers.complete() || hooks.stop_wanted() ||
        since_saved.seconds() > run.options.checkpoint_minutes * 60) {
      answers.save(run.options.teacher_answers, run.owner);
      since_saved = Stopwatch();
    }
    // After every pass, so that the others never wait long enough to give up.
    if (!answers.complete()) tell(run.group, kAsking);
  }
  tell(run.group, answers.complete() ? kAnswered : kStopped);
  return answers.complete();
}

bool wait(TeacherAnswers& answers, const TeacherRun& run) {
  std::vector<float> state;
  do {
    state = {0};
    run.group->begin_sum(state);
    run.group->finish_sums();
  } while (state[0] == kAsking);
  if (state[0] == kStopped) return false;
  answers.load(run.options.teacher_answers, run.owner);
  return true;
}

}  // namespace

bool complete_answers(TeacherAnswers& answers, const TeacherRun& run, const TrainingHooks& hooks) {
  const bool asks = run.group == nullptr || run.group->rank() == 0;
  return asks ? ask(answers, run, hooks) : wait(answers, run);
}

}  // namespace deformer
