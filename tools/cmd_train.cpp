#include "tools/cmd_train.h"
#include "tools/mpi_group.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <type_traits>
#include <utility>

#include "deformer/error.h"
#include "deformer/known_datasets.h"
#include "tools/choice.h"
#include "tools/failure.h"
#include "tools/help.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/talk.h"
#include "tools/train_report.h"

namespace deformer::tools {
namespace {

constexpr const char* kTrainFooter = R"(Examples:
  A teacher: the ordinary joint answerer, in the layout of decomposed ones
    deformer train --model BASE --squad train.json --split-layer 0 --output teacher
  A decomposed answerer, distilled from it with the paper's losses
    deformer train --model teacher --teacher teacher --squad train.json --split-layer 3
        --loss-weights paper --output student
  Another task: BoolQ from an ordinary encoder
    deformer train --model BASE --task boolq --data train.jsonl --split-layer 9 --output boolq
  Labels of one's own: lines {"question", "passage", "label"}
    deformer train --model BASE --task classes --data mine.jsonl --split-layer 9 --output mine
  The same run after Ctrl-C, a kill or a crash
    deformer train ... --output student --resume

The output directory is itself a model directory: the best answerer by the held-out questions or the
validation data, or the last where there are none. docs/training.md tells what else it holds, and
how several processes train one model.)";

// Set by a signal, read between steps.
std::atomic<bool> stop_requested{false};
volatile std::sig_atomic_t stop_signal = 0;

extern "C" void request_stop(int signal) {
  stop_signal = signal;
  stop_requested.store(true);
  // A second signal ends the program at once.
  std::signal(signal, SIG_DFL);
}

TrainingOptions training_options(const TrainVerbOptions& options) {
  TrainingOptions training = options.training;
  if (options.split_layer) {
    if (!training.split_layers.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "train: expected --split-layer or --split-layers, found both");
    }
    training.split_layers = {*options.split_layer};
  }
  training.loss_weights = parse_loss_weights(options.loss_weights);
  if (!options.layout.empty()) training.layout = parse_layout(options.layout);
  training.device = parse_device(options.device);
  training.lrs_scale = choice<LrsScale>("--lrs-scale", options.lrs_scale,
                                        {{"raw", LrsScale::kRaw}, {"teacher", LrsScale::kTeacher}});
  training.negatives = choice<Negatives>("--negatives", options.negatives,
                                         {{"drop", Negatives::kDrop}, {"keep", Negatives::kKeep}});
  training.split_schedule = choice<SplitSchedule>(
      "--split-schedule", options.split_schedule,
      {{"alternate", SplitSchedule::kAlternate}, {"sum", SplitSchedule::kSum}});
  training.precision = choice<TrainingPrecision>("--precision", options.precision,
                                                 {{"fp32", TrainingPrecision::kFp32},
                                                  {"tf32", TrainingPrecision::kTf32},
                                                  {"bf16", TrainingPrecision::kBf16}});
  training.save_format = save_format("--save-format", options.save_format);
  return training;
}

void add_data(CLI::App& verb, TrainVerbOptions& options) {
  const std::string group = "Data";
  TrainingOptions& training = options.training;
  verb.add_option("--squad", options.squad, "SQuAD files to train on, one or more")
      ->type_name("FILE...")
      ->group(group);
  verb.add_option("--data", options.data,
                  "Files or directories of another task: BoolQ JSON Lines, MNLI or QQP TSV, RACE "
                  "directories, or JSON Lines of one's own")
      ->type_name("PATH...")
      ->group(group);
  verb.add_option("--task", options.task,
                  "span, boolq, mnli, qqp, race, or classes or choice for data of one's own; by "
                  "default the "
                  "model's own, span with --squad")
      ->type_name("NAME")
      ->group(group);
  verb.add_option("--held-out", training.held_out_questions,
                  "Questions set aside for evaluation, by whole passages")
      ->type_name("N")
      ->transform(whole_number(0))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--validation", options.validation,
                  "Evaluate on these files, of the same form, in place of questions set aside")
      ->type_name("PATH...")
      ->excludes(verb.get_option("--held-out"))
      ->group(group);
  verb.add_option("--negatives", options.negatives,
                  "Windows without the answer: drop, or keep as \"no answer\"")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
}

void add_losses(CLI::App& verb, TrainVerbOptions& options) {
  const std::string group = "Split and losses";
  TrainingOptions& training = options.training;
  verb.add_option("--split-layer", options.split_layer, "Number of lower layers to train for")
      ->type_name("K")
      ->transform(whole_int(0))
      ->group(group);
  verb.add_option("--split-layers", training.split_layers,
                  "Several, for one set of weights; the last one is written to config.json")
      ->delimiter(',')
      ->type_name("K,K...")
      ->transform(whole_int(0))
      ->group(group);
  verb.add_option("--split-schedule", options.split_schedule,
                  "Several splits: alternate from step to step, or sum in every step")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--loss-weights", options.loss_weights,
                  "task=X,kd=X,lrs=X, or paper (0.7, 1.1, 0.5); kd and lrs need --teacher")
      ->type_name("LIST")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--freeze-layers", training.freeze_layers,
                  "Leave the embeddings and the layers below this one as they are")
      ->type_name("N")
      ->transform(whole_int(0))
      ->capture_default_str()
      ->group(group);
  verb.add_flag("--train-distance-bias", training.train_distance_bias,
                "Train the scores of distances that all layers share too (slower)")
      ->group(group);
  verb.add_option("--teacher-answers", training.teacher_answers,
                  "The teacher's logits, computed once into this file and read from it; for kd "
                  "without lrs")
      ->type_name("FILE")
      ->check(output_name())
      ->group(group);
  verb.add_option("--temperature", training.temperature, "Of the distillation")
      ->type_name("X")
      ->check(real_number())
      ->capture_default_str()
      ->group(group);
  verb.add_option("--lrs-scale", options.lrs_scale,
                  "raw squared distance, or divided by the teacher's mean square: teacher")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--layout", options.layout,
                  std::string(kLayoutHelp) +
                      "by default the model's own, for an ordinary one its encoder's first")
      ->type_name("NAME")
      ->group(group);
}

void add_optimizer(CLI::App& verb, TrainingOptions& training) {
  const std::string group = "Optimiser (AdamW, linear warm-up and decay)";
  const auto number = [&](const char* name, auto& value, const char* text) {
    const bool whole = std::is_integral_v<std::remove_reference_t<decltype(value)>>;
    verb.add_option(name, value, text)
        ->type_name("X")
        ->transform(whole ? whole_number(0) : real_number())
        ->capture_default_str()
        ->group(group);
  };
  number("--epochs", training.epochs, "Passes over the data");
  verb.add_option("--max-steps", training.max_steps, "Steps, in place of --epochs")
      ->type_name("N")
      ->transform(whole_number(1))
      ->group(group);
  number("--learning-rate", training.learning_rate, "Highest rate");
  number("--layer-decay", training.layer_decay,
         "A layer's rate by that of the layer above it; 1 = one rate for all");
  number("--warmup", training.warmup, "Share of the steps until the highest rate");
  number("--weight-decay", training.weight_decay, "Not on biases and layer norms");
  number("--clip", training.max_gradient_norm, "Highest norm of the gradient; 0 = none");
  number("--dropout", training.dropout, "After embeddings and sub-layers");
  number("--batch-questions", training.batch_questions, "Questions of one step");
  number("--pass-tokens", training.pass_tokens,
         "Most tokens at once; a larger step runs in several passes");
  number("--questions-per-window", training.questions_per_window,
         "Questions of a step that share one window");
  number("--seed", training.seed, "Of new weights, order and dropout");
}

void add_run(CLI::App& verb, TrainVerbOptions& options) {
  const std::string group = "Run";
  TrainingOptions& training = options.training;
  const auto option = [&](const char* name, auto& value, const char* type, const char* text) {
    return verb.add_option(name, value, text)->type_name(type)->capture_default_str()->group(group);
  };
  option("--evaluate-every", training.evaluate_every, "N", "Steps; 0 = only at the end")
      ->transform(whole_number(0));
  option("--checkpoint-minutes", training.checkpoint_minutes, "X", "Time between two checkpoints")
      ->check(real_number());
  verb.add_flag("--resume", training.resume, "Continue from the checkpoint in --output")
      ->group(group);
  option("--device", options.device, "NAME", "cpu or cuda");
  option("--precision", options.precision, "NAME",
         "fp32; bf16 on a GPU and on a CPU with AMX or AVX-512 BF16; on a GPU tf32");
  training.threads = default_threads();
  option("--threads", training.threads, "N", "CPU threads; 0 = LibTorch's own choice")
      ->transform(thread_number());
  option("--save-format", options.save_format, "NAME", "Weights written: fp32, fp16, bf16 or int8");
  verb.add_flag("--json", options.json, "Print the summary as JSON on stdout")->group(group);
  verb.add_flag("--quiet", options.quiet, "No progress and no notes on stderr")->group(group);
}

const KnownDataset& find_form(const TrainVerbOptions& options) {
  if (!options.task.empty()) return known_dataset(options.task);
  if (!options.squad.empty()) return known_dataset("span");
  const ModelConfig config = load_model_config(options.model);
  return guess_dataset(options.data.empty() ? "" : options.data.front(), config.task,
                       config.labels);
}

// The files of the option that fits the task.
std::vector<Dataset> load_files(const TrainVerbOptions& options, const KnownDataset& form) {
  const bool span = form.task.kind == TaskKind::kSpan;
  if (span == options.squad.empty() || span != options.data.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "train: task " + (span ? "span" : form.task.name) + ": expected " +
                    (span ? "--squad and no --data" : "--data and no --squad"));
  }
  std::vector<Dataset> files;
  for (const std::string& path : span ? options.squad : options.data) {
    files.push_back(form.load(path));
  }
  return files;
}

// What was asked for; labels of one's own are those of the data, unless the model has them all.
std::optional<Task> task_of(const TrainVerbOptions& options, const KnownDataset& form,
                            const std::vector<Dataset>& files) {
  if (form.task.kind != TaskKind::kClasses || !form.task.labels.empty()) {
    if (options.task.empty() && options.squad.empty()) return std::nullopt;
    return parse_task(form.task.kind == TaskKind::kSpan ? "span" : form.task.name);
  }
  const std::vector<std::string> labels = join(files).labels;
  const ModelConfig config = load_model_config(options.model);
  const auto has = [&](const std::string& label) {
    return find_label(config.labels, label).has_value();
  };
  if (!config.labels.empty() && std::all_of(labels.begin(), labels.end(), has)) return std::nullopt;
  if (labels.size() < 2) {
    throw Error(ErrorCode::kInvalidArgument,
                "training data: expected at least two labels, found " + label_list(labels));
  }
  Task task = form.task;
  task.labels = labels;
  return task;
}

}  // namespace

CLI::App* add_train(CLI::App& app, TrainVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("train", "Train a model for its task and split");
  verb->add_option("--model", options.model, "Where the weights start: a model directory")
      ->required()
      ->type_name("DIR");
  verb->add_option("--teacher", options.teacher, "Model to distil from; run at split layer 0")
      ->type_name("DIR");
  verb->add_option("--output", options.output, "Directory of the trained model")
      ->required()
      ->type_name("DIR");
  add_data(*verb, options);
  add_losses(*verb, options);
  add_optimizer(*verb, options.training);
  add_run(*verb, options);
  verb->footer(kTrainFooter);
  return verb;
}

int run_train(const TrainVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output("-");
  TrainingOptions training = training_options(options);
  const KnownDataset& form = find_form(options);
  std::vector<Dataset> files = load_files(options, form);
  std::vector<Dataset> validation;
  for (const std::string& path : options.validation) {
    // To be scored an answer needs no place.
    const bool span = form.task.kind == TaskKind::kSpan;
    validation.push_back(span ? to_dataset(load_squad(path)) : form.load(path));
  }
  training.task = task_of(options, form, files);
  training.group = mpi_process_group();
  Trainer trainer(options.model, options.teacher, options.output, std::move(training));
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  TrainingDisplay display(talk);
  TrainingHooks hooks = display.hooks();
  hooks.stop = &stop_requested;
  const TrainingResult result = trainer.run(std::move(files), std::move(validation), hooks);
  talk.note(to_text(result));
  if (options.json) output.write(to_json(result));
  output.commit();
  return result.finished ? kExitOk : 128 + stop_signal;
}

}  // namespace deformer::tools
