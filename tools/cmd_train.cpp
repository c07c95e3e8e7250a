#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "deformer/known_datasets.h"
#include "deformer/training.h"
#include "tools/failure.h"
#include "tools/mpi_group.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/talk.h"
#include "tools/train_report.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kTrainFooter = R"(Examples:
  A teacher: the ordinary joint model, in the layout of decomposed ones
    deformer train --model BASE --squad train.json --split-layer 0 --output teacher
  A decomposed model, distilled from it with the paper's losses
    deformer train --model teacher --teacher teacher --squad train.json --split-layer 3
        --loss-weights paper --output student
  Another task: BoolQ from an ordinary encoder
    deformer train --model BASE --task boolq --data train.jsonl --split-layer 9 --output boolq
  Your own labels: lines {"question", "passage", "label"}
    deformer train --model BASE --task classes --data mine.jsonl --split-layer 9 --output mine
  The same run after Ctrl-C, a kill or a crash
    deformer train ... --output student --resume

The output directory is itself a model directory: the best model by the held-out questions or the
validation data, or the last where there are none. docs/training.md tells what else it holds, and
how several processes train one model.)";

struct TrainVerbOptions {
  std::string model;
  std::string task;                // empty: the base model's own
  std::vector<std::string> squad;  // one of the two
  std::vector<std::string> data;
  std::vector<std::string> validation;
  std::string teacher;
  std::string output;
  std::optional<int> split_layer;
  TrainingOptions training;
  bool json = false;
  bool quiet = false;
};

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
  if (!options.split_layer) return training;
  if (!training.split_layers.empty()) {
    throw invalid("train: expected --split-layer or --split-layers, found both");
  }
  training.split_layers = {*options.split_layer};
  return training;
}

void add_train_data(CLI::App& verb, TrainVerbOptions& options) {
  OptionGroup group(verb, "Data");
  group.text("--squad", options.squad, "FILE...", "SQuAD files to train on, one or more")
      ->check(not_empty());
  group
      .text("--data", options.data, "PATH...",
            "Files or directories of another task: BoolQ JSON Lines, MNLI or QQP TSV, RACE "
            "directories, or your own JSON Lines")
      ->check(not_empty());
  group.text("--task", options.task, "NAME",
             "span, boolq, mnli, qqp, race, or classes or choice for your own data; by default the "
             "model's own, span with --squad");
  group.number("--held-out", options.training.held_out_questions, "N",
               "Questions set aside for evaluation, by whole passages", whole_number(0));
  group
      .text("--validation", options.validation, "PATH...",
            "Evaluate on these files, of the same form, in place of questions set aside")
      ->check(not_empty())
      ->excludes("--held-out");
  group.choice("--negatives", options.training.negatives,
               "Windows without the answer: drop, or keep as \"no answer\"",
               Choices<Negatives>{{"drop", Negatives::kDrop}, {"keep", Negatives::kKeep}});
}

void add_losses(CLI::App& verb, TrainVerbOptions& options) {
  OptionGroup group(verb, "Split and losses");
  TrainingOptions& training = options.training;
  group.number("--split-layer", options.split_layer, "K", "Number of lower layers to train for",
               whole_int(0));
  group
      .number("--split-layers", training.split_layers, "K,K...",
              "Several, for one set of weights; the last one is written to config.json",
              whole_int(0))
      ->delimiter(',');
  group
      .number("--layers", training.layers, "N,N,...",
              "Layers of the base to begin with, some left out, some several times; by default all",
              whole_int(0))
      ->delimiter(',');
  group.choice("--split-schedule", training.split_schedule,
               "Several splits: alternate from step to step, or sum in every step",
               Choices<SplitSchedule>{{"alternate", SplitSchedule::kAlternate},
                                      {"sum", SplitSchedule::kSum}});
  group
      .parsed("--loss-weights", training.loss_weights, "LIST",
              "task=X,kd=X,lrs=X, or paper (0.7, 1.1, 0.5); kd and lrs need --teacher",
              parse_loss_weights)
      ->default_str("task=1");
  group.number("--freeze-layers", training.freeze_layers, "N",
               "Leave the embeddings and the layers below this one as they are", whole_int(0));
  group.flag("--train-distance-bias", training.train_distance_bias,
             "Train the scores of distances that all layers share too (slower)");
  group.output("--teacher-answers", training.teacher_answers,
               "The teacher's logits, computed once into this file and read from it; for kd "
               "without lrs");
  group.number("--temperature", training.temperature, "X", "Of the distillation", real_number());
  group.choice("--lrs-scale", training.lrs_scale,
               "raw squared distance, or divided by the teacher's mean square: teacher",
               Choices<LrsScale>{{"raw", LrsScale::kRaw}, {"teacher", LrsScale::kTeacher}});
  group.layout(
      training.layout,
      "by default the model's own; for an ordinary one, or one of continue that is split, its "
      "encoder's first");
}

void add_optimizer(CLI::App& verb, TrainingOptions& training) {
  OptionGroup group(verb, "Optimiser (AdamW, linear warm-up and decay)");
  const auto real = [&](const char* name, double& value, const char* help) {
    group.number(name, value, "X", help, real_number());
  };
  const auto whole = [&](const char* name, auto& value, const char* help) {
    group.number(name, value, "X", help, whole_number(0));
  };
  real("--epochs", training.epochs, "Passes over the data");
  group
      .number("--max-steps", training.max_steps, "N", "Steps, in place of --epochs",
              whole_number(1))
      ->excludes("--epochs");
  real("--learning-rate", training.learning_rate, "Highest rate");
  real("--layer-decay", training.layer_decay,
       "A layer's rate by that of the layer above it; 1 = one rate for all");
  real("--warmup", training.warmup, "Share of the steps until the highest rate");
  real("--weight-decay", training.weight_decay, "Not on biases and layer norms");
  group.number("--clip", training.max_gradient_norm, "X", "Highest norm of the gradient; 0 = none",
               real_number(0));
  real("--dropout", training.dropout, "After embeddings and sub-layers");
  whole("--batch-questions", training.batch_questions, "Questions of one step");
  whole("--pass-tokens", training.pass_tokens,
        "Most tokens at once; a larger step runs in several passes");
  whole("--questions-per-window", training.questions_per_window,
        "Questions of a step that share one window");
  whole("--seed", training.seed, "Of new weights, order and dropout");
}

void add_run(CLI::App& verb, TrainVerbOptions& options) {
  OptionGroup group(verb, "Run");
  TrainingOptions& training = options.training;
  group.number("--evaluate-every", training.evaluate_every, "N", "Steps; 0 = only at the end",
               whole_number(0));
  group.number("--checkpoint-minutes", training.checkpoint_minutes, "X",
               "Time between two checkpoints", real_number());
  group.flag("--resume", training.resume, "Continue from the checkpoint in --output");
  group.parsed("--device", training.device, "NAME", "cpu or cuda", parse_device)
      ->default_str(to_string(training.device));
  group.choice("--precision", training.precision,
               "fp32; bf16 on a GPU and on a CPU with AMX or AVX-512 BF16; on a GPU tf32",
               Choices<TrainingPrecision>{{"fp32", TrainingPrecision::kFp32},
                                          {"tf32", TrainingPrecision::kTf32},
                                          {"bf16", TrainingPrecision::kBf16}});
  group.threads(training.threads);
  group.choice("--save-format", training.save_format, "Weights written: fp32, fp16, bf16 or int8",
               kSaveFormats);
  group.flag("--json", options.json, "Print the summary as JSON on stdout");
  group.flag("--quiet", options.quiet, "No progress and no notes on stderr");
}

// What was given and no step would look at.
void refuse_what_would_be_ignored(const CLI::App& verb, const TrainVerbOptions& options) {
  const TrainingOptions& training = options.training;
  const auto require = [&](const char* option, bool is_used, const char* expected) {
    if (!is_used) refuse_given(*verb.get_option(option), expected);
  };
  require("--temperature", training.loss_weights.kd > 0,
          "expected a weight of kd (--loss-weights), found none");
  require("--lrs-scale", training.loss_weights.lrs > 0,
          "expected a weight of lrs (--loss-weights), found none");
  require("--split-schedule", training.split_layers.size() > 1,
          "expected several splits (--split-layers), found one");
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
    throw invalid("train: task " + (span ? "span" : form.task.name) + ": expected " +
                  (span ? "--squad and no --data" : "--data and no --squad"));
  }
  std::vector<Dataset> files;
  for (const std::string& path : span ? options.squad : options.data) {
    files.push_back(form.load(path));
  }
  return files;
}

// None where they are no choice of one: such a head is replaced.
std::vector<std::string> labels_of(const std::string& model_dir) {
  try {
    return load_model_config(model_dir).labels;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    return {};
  }
}

// What was asked for; your own labels are those of the data, unless the model has them all.
std::optional<Task> task_of(const TrainVerbOptions& options, const KnownDataset& form,
                            const std::vector<Dataset>& files) {
  if (form.task.kind != TaskKind::kClasses || !form.task.labels.empty()) {
    if (options.task.empty() && options.squad.empty()) return std::nullopt;
    return parse_task(form.task.kind == TaskKind::kSpan ? "span" : form.task.name);
  }
  const std::vector<std::string> labels = join(files).labels;
  const std::vector<std::string> own = labels_of(options.model);
  const auto has = [&](const std::string& label) { return find_label(own, label).has_value(); };
  if (!own.empty() && std::all_of(labels.begin(), labels.end(), has)) return std::nullopt;
  if (labels.size() < 2) {
    throw invalid("training data: expected at least two labels, found " + label_list(labels));
  }
  Task task = form.task;
  task.labels = labels;
  return task;
}

// The display's lines end with it: what is said next begins at the left edge.
TrainingResult train_shown(Trainer& trainer, std::vector<Dataset> files,
                           std::vector<Dataset> validation, const Talk& talk) {
  TrainingDisplay display(talk);
  TrainingHooks hooks = display.hooks();
  hooks.stop = &stop_requested;
  return trainer.run(std::move(files), std::move(validation), hooks);
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
  const TrainingResult result = train_shown(trainer, std::move(files), std::move(validation), talk);
  talk.note(to_text(result));
  if (options.json) output.write(to_json(result));
  output.commit();
  return result.finished ? kExitOk : 128 + stop_signal;
}

}  // namespace

Verb add_train(CLI::App& app) {
  CLI::App* const verb = app.add_subcommand("train", "Train a model for its task and split");
  const auto options = std::make_shared<TrainVerbOptions>();
  OptionGroup group(*verb);
  group.place("--model", options->model, "DIR", "Where the weights start: a model directory")
      ->required();
  group.place("--teacher", options->teacher, "DIR", "Model to distil from; run at split layer 0");
  group.place("--output", options->output, "DIR", "Directory of the trained model")->required();
  add_train_data(*verb, *options);
  add_losses(*verb, *options);
  add_optimizer(*verb, options->training);
  add_run(*verb, *options);
  verb->footer(kTrainFooter);
  return {verb, [verb, options] {
            refuse_what_would_be_ignored(*verb, *options);
            return run_train(*options);
          }};
}

}  // namespace deformer::tools
