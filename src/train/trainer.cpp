#include "deformer/training.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/file.h"
#include "base/quote.h"
#include "base/stopwatch.h"
#include "deformer/error.h"
#include "deformer/model.h"
#include "nn/guard.h"
#include "task/callback.h"
#include "train/data_order.h"
#include "train/evaluation.h"
#include "train/gradient_sum.h"
#include "train/held_out.h"
#include "train/optimizer.h"
#include "train/recipe.h"
#include "train/speedometer.h"
#include "train/teacher_answers.h"
#include "train/teacher_model.h"
#include "train/teacher_run.h"
#include "train/training_log.h"
#include "train/training_model.h"
#include "train/training_state.h"
#include "train/training_step.h"

namespace deformer {
namespace {

// Thrown out of a score under way.
struct ScoringStopped {};

// Losses of all ranks, added up with their gradients, and whether any of them is to stop.
struct Shared {
  StepLosses losses;
  bool stop = false;
};

Shared share_step(GradientSum& gradients, const StepLosses& losses, bool stop) {
  std::vector<double> numbers{losses.total, losses.task.value_or(0), losses.kd.value_or(0),
                              losses.lrs.value_or(0), stop ? 1.0 : 0.0};
  gradients.finish(numbers);
  Shared shared{losses, numbers[4] > 0};
  shared.losses.total = numbers[0];
  shared.losses.task = numbers[1];
  if (losses.kd) shared.losses.kd = numbers[2];
  if (losses.lrs) shared.losses.lrs = numbers[3];
  return shared;
}

// A new run replaces neither another one nor a model that is none of its own.
void require_no_run(const std::filesystem::path& output_dir, const std::filesystem::path& state) {
  if (is_there(state)) {
    throw Error(ErrorCode::kInvalidArgument,
                state.string() +
                    ": expected an output directory without a training run, found one; resume it "
                    "or give another directory");
  }
  for (const char* name : {"config.json", "model.safetensors"}) {
    if (!is_there(output_dir / name)) continue;
    throw Error(ErrorCode::kInvalidArgument,
                (output_dir / name).string() +
                    ": expected an output directory without a model, found one; give another "
                    "directory");
  }
}

// One data set, its labels numbered as the head's outputs.
Dataset make_dataset(std::vector<Dataset> files, const ModelConfig& config,
                     const std::string& what) {
  Dataset dataset = join(std::move(files));
  if (dataset.kind != config.task) {
    throw Error(ErrorCode::kInvalidArgument,
                what + ": expected data for " + to_string(config.task) + ", found data for " +
                    to_string(dataset.kind) + " (" + dataset.name + ")");
  }
  use_labels(dataset, config.labels);
  return dataset;
}

void require_no_held_out(const TrainingOptions& options) {
  if (options.held_out_questions == 0) return;
  throw Error(ErrorCode::kInvalidArgument,
              "training: expected held-out questions or validation data, found both");
}

// Scores at several split layers as one.
TrainingScore mean_score(const std::vector<TrainingScore>& scores) {
  TrainingScore mean = scores.back();
  const auto average = [&](std::optional<double> TrainingScore::*number) {
    if (!(mean.*number)) return;
    double sum = 0;
    for (const TrainingScore& score : scores) sum += *(score.*number);
    mean.*number = sum / static_cast<double>(scores.size());
  };
  average(&TrainingScore::exact);
  average(&TrainingScore::f1);
  average(&TrainingScore::accuracy);
  return mean;
}

}  // namespace

struct Trainer::State {
  State(std::filesystem::path base, std::filesystem::path teacher_path,
        std::filesystem::path output, TrainingOptions training_options);

  // A run leaves its state behind: weights, position, what the teacher said.
  void refuse_second_run() {
    if (has_run) {
      throw Error(
          ErrorCode::kInvalidArgument,
          "training: expected one run of this object, found a second; make another one, with "
          "`resume` to go on");
    }
    has_run = true;
  }
  // Throws when the run would destroy what it starts from, another run's checkpoint or another
  // model; or when there is none to be resumed.
  void refuse_overwriting() const;
  // Data, order and schedule of this run; continues at the checkpoint when asked to.
  void prepare(std::vector<Dataset> files, std::vector<Dataset> validation,
               const TrainingHooks& hooks);
  // What makes this run the run that it is; throws when the one to be resumed is another.
  void identify();
  // Completes the file of the teacher's answers, where there is to be one. False: stopped before.
  [[nodiscard]] bool ask_teacher(const TrainingHooks& hooks);
  void schedule();
  TrainingResult run(std::vector<Dataset> files, std::vector<Dataset> validation,
                     const TrainingHooks& hooks) {
    refuse_second_run();
    prepare(std::move(files), std::move(validation), hooks);
    identify();
    if (!ask_teacher(hooks)) return leave_early();
    schedule();
    train(hooks);
    return finish(hooks);
  }
  [[nodiscard]] TrainingResult leave_early();
  void train(const TrainingHooks& hooks);
  TrainingResult finish(const TrainingHooks& hooks);

  void run_step(const TrainingHooks& hooks);
  bool evaluate(const TrainingHooks& hooks);
  std::vector<TrainingScore> score_all(const TrainingHooks& hooks);
  void keep_best(const TrainingScore& score);
  [[nodiscard]] bool is_due() const;
  void checkpoint();
  void report_step(const TrainingHooks& hooks, const StepPlan& plan, const StepOutcome& outcome,
                   double rate, double norm);
  // One of several processes writes, evaluates and talks.
  [[nodiscard]] bool leads() const { return !group || group->rank() == 0; }
  [[nodiscard]] double seconds() const { return earlier_seconds + since_start.seconds(); }
  [[nodiscard]] std::filesystem::path state_path() const {
    return output_dir / "training" / "state.safetensors";
  }

  TrainingOptions options;
  std::filesystem::path base_dir;
  std::filesystem::path teacher_dir;  // "": none
  std::filesystem::path output_dir;
  TrainingModel student;
  std::optional<TrainingModel> teacher;
  std::shared_ptr<ProcessGroup> group;  // null: this process alone

  Dataset held_out;             // or the validation data
  std::string validation_hash;  // "": none
  TrainingSet set;
  std::optional<TrainingSet> teacher_set;  // none: the teacher reads `set`
  TeacherFacts teacher_facts;
  std::optional<TeacherAnswers> answers;
  std::optional<DataOrder> order;
  std::optional<Adamw> optimizer;
  std::optional<StepRunner> runner;
  std::optional<GradientSum> gradients;  // with a group
  std::optional<TrainingLog> log;
  TrainingPosition position;
  std::uint64_t steps = 0;
  std::uint64_t checkpointed_step = 0;
  double earlier_seconds = 0;
  Stopwatch since_start;
  Stopwatch since_checkpoint;
  bool stopping = false;
  bool has_run = false;
  Speedometer speed;
  TrainingResult result;
};

Trainer::State::State(std::filesystem::path base, std::filesystem::path teacher_path,
                      std::filesystem::path output, TrainingOptions training_options)
    : options(std::move(training_options)),
      base_dir(std::move(base)),
      teacher_dir(std::move(teacher_path)),
      output_dir(std::move(output)) {
  validate(options);
  const bool needs_teacher = options.loss_weights.kd > 0 || options.loss_weights.lrs > 0;
  if (needs_teacher != !teacher_dir.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                needs_teacher
                    ? "teacher: expected one, as kd or lrs has a weight, found none"
                    : "teacher: expected none, as neither kd nor lrs has a weight, found one");
  }
  if (options.threads > 0) at::set_num_threads(options.threads);
  TrainingModelOptions load{.task = options.task,
                            .layout = options.layout,
                            .split_layers = options.split_layers,
                            .layers = options.layers,
                            .device = options.device,
                            .seed = options.seed,
                            .freeze_layers = options.freeze_layers,
                            .train_distance_bias = options.train_distance_bias};
  student = load_training_model(base_dir, load);
  require_fitting(options, student);
  if (options.split_layers.empty()) {
    options.split_layers.push_back(student.config.split.split_layer);
  }
  for (const int split_layer : options.split_layers) {
    static_cast<void>(student.encoder->with_split_layer(split_layer));  // refuses other numbers
    ModelConfig config = student.config;
    config.split.split_layer = split_layer;
    validate(config);
  }
  if (needs_teacher) teacher = load_teacher(teacher_dir, student, options);
  group = options.group ? options.group : process_group_from_environment();
}

void Trainer::State::refuse_overwriting() const {
  std::error_code ignored;  // an output directory that is not there is equivalent to none
  for (const auto& input : {base_dir, teacher_dir}) {
    if (!input.empty() && std::filesystem::equivalent(input, output_dir, ignored)) {
      throw Error(ErrorCode::kInvalidArgument,
                  output_dir.string() +
                      ": expected another output directory than the base's and the teacher's, "
                      "found the same");
    }
  }
  if (!options.resume) {
    require_no_run(output_dir, state_path());
  } else if (is_absent(state_path())) {
    throw Error(ErrorCode::kNotFound, state_path().string() +
                                          ": expected the state of a run to resume, found no such "
                                          "file");
  }
  refuse_other_models_files(base_dir, output_dir);
}

void Trainer::State::prepare(std::vector<Dataset> files, std::vector<Dataset> validation,
                             const TrainingHooks& hooks) {
  refuse_overwriting();
  Dataset dataset = make_dataset(std::move(files), student.config, "training data");
  const std::size_t in_files = dataset.examples.size();
  if (!validation.empty()) {
    require_no_held_out(options);
    held_out = take_validation(
        dataset, make_dataset(std::move(validation), student.config, "validation data"));
    if (const auto blank = leave_out_blank_questions(held_out, *student.tokenizer)) {
      throw Error(ErrorCode::kInvalidArgument, "validation data: question " + in_quotes(*blank) +
                                                   ": expected at least one token, found none");
    }
    validation_hash = hash_of(held_out);
  } else if (options.held_out_questions > 0) {
    held_out = take_held_out(dataset, options.held_out_questions, options.seed);
    leave_out_blank_questions(held_out, *student.tokenizer);
  }
  const std::size_t left_out = in_files - dataset.examples.size();
  set = make_training_set(dataset, *student.tokenizer, student.config.split, options.negatives);
  if (teacher) teacher_set = make_teacher_set(student, *teacher, dataset, set, options.negatives);
  make_directories(output_dir / "training");
  set.report.held_out = held_out.examples.size();
  (validation_hash.empty() ? set.report.questions : set.report.in_validation) += left_out;
  if (leads() && hooks.on_data) call_back(hooks.on_data, set.report);
}

// Before the teacher is asked, which can take hours, and while the student has the base's weights.
void Trainer::State::identify() {
  if (teacher) {
    teacher_facts = {.weights = hash_of(teacher->parameters()),
                     .answers_in_file = !options.teacher_answers.empty()};
  }
  position.recipe = make_recipe(options, set, student, teacher_facts, validation_hash);
  if (options.resume) require_training_state(state_path(), position.recipe);
}

bool Trainer::State::ask_teacher(const TrainingHooks& hooks) {
  if (!teacher_facts.answers_in_file) return true;
  const AnswersOwner owner{.teacher = teacher_facts.weights,
                           .layout = to_string(teacher->config.split.layout),
                           .data = hash_of(set),
                           .reading = hash_of_reading(*teacher, options.precision)};
  answers.emplace(set, head_outputs(teacher->config.task, teacher->config.labels));
  const TeacherRun run{*teacher, teacher_set ? *teacher_set : set, options, owner, group.get()};
  if (!complete_answers(*answers, run, hooks)) return false;
  teacher.reset();
  teacher_set.reset();
  return true;
}

// Nothing is trained yet, so there is nothing to keep but the answers.
TrainingResult Trainer::State::leave_early() {
  if (group) group->leave();
  result.data = set.report;
  return std::move(result);
}

void Trainer::State::schedule() {
  const bool grouped =
      *std::max_element(options.split_layers.begin(), options.split_layers.end()) > 0;
  order.emplace(set, DataOrderOptions{
                         .batch_questions = options.batch_questions,
                         .pass_tokens = options.pass_tokens,
                         .questions_per_window = grouped ? options.questions_per_window : 1,
                         .processes = group ? group->size() : 1,
                         .seed = options.seed,
                     });
  steps = options.max_steps.value_or(static_cast<std::uint64_t>(
      std::ceil(options.epochs * static_cast<double>(order->steps_per_epoch()))));
  std::vector<Parameter> trained = student.trained_parameters();
  const std::vector<double> factors = rate_factors(trained, student.config, options.layer_decay);
  optimizer.emplace(std::move(trained), AdamwOptions{.weight_decay = options.weight_decay},
                    factors);
  runner.emplace(
      student,
      StepTeacher{.model = teacher ? &*teacher : nullptr, .answers = answers ? &*answers : nullptr},
      set, options);

  if (group) gradients.emplace(optimizer->parameters(), *group);

  if (options.resume) {
    position = load_training_state(state_path(), position.recipe, *optimizer);
    earlier_seconds = position.seconds;
    checkpointed_step = position.step;
  }
  if (!leads()) return;
  log.emplace(output_dir / "training" / "log.jsonl", position);
  log->start(position.recipe, set.report, steps);
}

void Trainer::State::run_step(const TrainingHooks& hooks) {
  const Stopwatch watch;
  const StepPlan plan = order->plan(position.step);
  const std::uint64_t step = position.step + 1;
  const PassShare share = group ? PassShare{group->rank(), group->size()} : PassShare{};
  const auto before_last = [&] {
    if (gradients) gradients->begin_last_pass();
  };
  StepOutcome outcome = runner->run(plan, step, share, before_last);
  if (group) {
    const Shared shared = share_step(*gradients, outcome.losses, hooks.stop_wanted());
    outcome.losses = shared.losses;
    stopping = shared.stop;
  }
  const double norm = gradient_norm(optimizer->parameters());
  // One step with it and all weights would be lost, those of the next checkpoint too.
  if (!std::isfinite(norm)) {
    throw Error(ErrorCode::kInvalidArgument,
                "training step " + std::to_string(step) + ": expected a finite gradient, found " +
                    std::to_string(norm) + "; a lower learning rate may help");
  }
  if (options.max_gradient_norm > 0 && norm > options.max_gradient_norm) {
    scale_gradients(optimizer->parameters(), options.max_gradient_norm / norm);
  }
  const double rate = scheduled_rate(options.learning_rate, step, steps, options.warmup);
  optimizer->step(rate, step);
  position.step = step;
  speed.add(watch.seconds(), outcome.joint_rows);
  if (leads()) report_step(hooks, plan, outcome, rate, norm);
  if (!group) stopping = hooks.stop_wanted();
}

void Trainer::State::report_step(const TrainingHooks& hooks, const StepPlan& plan,
                                 const StepOutcome& outcome, double rate, double norm) {
  const std::uint64_t step = position.step;
  const double epoch = static_cast<double>(step) / static_cast<double>(order->steps_per_epoch());
  log->step({.step = step,
             .epoch = epoch,
             .questions = plan.examples,
             .tokens = outcome.joint_rows,
             .seconds = seconds(),
             .learning_rate = rate,
             .gradient_norm = norm,
             .tokens_per_second = speed.tokens_per_second(),
             .split_layer = outcome.split_layer,
             .losses = outcome.losses});
  if (!hooks.on_step) return;
  const double seconds_left = speed.seconds_per_step() * static_cast<double>(steps - step);
  call_back(hooks.on_step, TrainingProgress{.step = step,
                                            .steps = steps,
                                            .epoch = epoch,
                                            .losses = outcome.losses,
                                            .learning_rate = rate,
                                            .tokens_per_second = speed.tokens_per_second(),
                                            .seconds_left = seconds_left});
}

void Trainer::State::train(const TrainingHooks& hooks) {
  since_start = since_checkpoint = Stopwatch();
  // The step after which the run was stopped.
  if (position.step > 0 && is_due()) evaluate(hooks);
  while (position.step < steps && !stopping) {
    run_step(hooks);
    if (!leads()) continue;
    if (is_due() && !stopping) evaluate(hooks);
    if (since_checkpoint.seconds() > options.checkpoint_minutes * 60) checkpoint();
  }
}

// Whether a score is missing; the last step's is finish()'s.
bool Trainer::State::is_due() const {
  return leads() && options.evaluate_every > 0 && position.step % options.evaluate_every == 0 &&
         position.step < steps && position.evaluated_step != position.step;
}

void Trainer::State::checkpoint() {
  position.seconds = seconds();
  save_training_state(state_path(), *optimizer, position);
  checkpointed_step = position.step;
  since_checkpoint = Stopwatch();
}

// False: stopped before it was whole.
bool Trainer::State::evaluate(const TrainingHooks& hooks) {
  // Scoring can take long and fail; and a model that is written has its run's state beside it.
  if (checkpointed_step == 0) checkpoint();
  save_training_model(student, base_dir, output_dir / "last", options.save_format);
  std::vector<TrainingScore> scores;
  try {
    scores = score_all(hooks);
  } catch (const ScoringStopped&) {
    stopping = true;
    return false;
  }
  position.evaluated_step = position.step;
  if (scores.empty()) return true;
  for (const TrainingScore& score : scores) {
    log->score(score, seconds(), held_out.examples.size());
    if (hooks.on_score) call_back(hooks.on_score, score);
  }
  result.scores.insert(result.scores.end(), scores.begin(), scores.end());
  keep_best(mean_score(scores));
  return true;
}

// At each split layer; none without examples. Throws ScoringStopped.
std::vector<TrainingScore> Trainer::State::score_all(const TrainingHooks& hooks) {
  std::vector<TrainingScore> scores;
  if (held_out.examples.empty()) return scores;
  const auto look_up = [&](std::size_t examples, std::size_t of) {
    if (hooks.on_scoring) call_back(hooks.on_scoring, ScoringProgress{examples, of});
    if (!group && hooks.stop_wanted()) throw ScoringStopped();
  };
  for (const int split_layer : options.split_layers) {
    scores.push_back(evaluate_reader(student.model(split_layer), held_out, look_up));
    scores.back().step = position.step;
  }
  return scores;
}

void Trainer::State::keep_best(const TrainingScore& score) {
  if (position.best && position.best->main() >= score.main()) return;
  position.best = score;
  save_training_model(student, base_dir, output_dir, options.save_format);
  checkpoint();
}

TrainingResult Trainer::State::finish(const TrainingHooks& hooks) {
  result.finished = position.step >= steps;
  result.steps = position.step;
  result.data = set.report;
  if (!leads()) {
    group->leave();
    return std::move(result);
  }
  // First, because scoring can take long and fail.
  if (checkpointed_step != position.step) checkpoint();
  const bool unscored = position.evaluated_step != position.step || !position.best;
  if (result.finished && unscored) {
    result.finished = evaluate(hooks);
    if (result.finished) checkpoint();
  }
  if (result.finished && !position.best) {
    save_training_model(student, base_dir, output_dir, options.save_format);
  }
  result.seconds = position.seconds;
  result.best = position.best;
  log->end(position.step, position.seconds, result.finished);
  if (group) group->leave();
  return std::move(result);
}

Trainer::Trainer(const std::filesystem::path& base_dir, const std::filesystem::path& teacher_dir,
                 std::filesystem::path output_dir, TrainingOptions options)
    : state_(nn::guarded([&] {
        return std::make_unique<State>(base_dir, teacher_dir, std::move(output_dir),
                                       std::move(options));
      })) {}

Trainer::~Trainer() = default;

TrainingResult Trainer::run(std::vector<Dataset> files, const TrainingHooks& hooks) {
  return run(std::move(files), {}, hooks);
}

TrainingResult Trainer::run(std::vector<Dataset> files, std::vector<Dataset> validation,
                            const TrainingHooks& hooks) {
  return guarded_with_callbacks(
      [&] { return state_->run(std::move(files), std::move(validation), hooks); });
}

TaskKind Trainer::task() const noexcept {
  return state_->student.config.task;
}

}  // namespace deformer
