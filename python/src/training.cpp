// Training.
#include <deformer/error.h>
#include <deformer/known_datasets.h>
#include <deformer/training.h>
#include <deformer/types.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "rooms.h"

namespace deformer::python {
namespace {

// The fewest digits that give the number back.
std::string shortest(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

// A property of a few values, which Python sees by the names that the tool has for them.
template <typename Value>
void def_choice(nb::class_<TrainingOptions>& options, const char* property,
                Value TrainingOptions::*member,
                std::vector<std::pair<std::string, Value>> choices) {
  options.def_prop_rw(
      property,
      [member, choices](const TrainingOptions& self) {
        const auto found = std::find_if(choices.begin(), choices.end(), [&](const auto& choice) {
          return choice.second == self.*member;
        });
        return found == choices.end() ? std::string() : found->first;
      },
      [property, member, choices](TrainingOptions& self, const std::string& name) {
        std::string known;
        for (const auto& [spelling, value] : choices) {
          if (spelling == name) {
            self.*member = value;
            return;
          }
          known += (known.empty() ? "" : ", ") + spelling;
        }
        throw Error(ErrorCode::kInvalidArgument,
                    std::string(property) + ": expected one of " + known + ", found " + name);
      });
}

void bind_choices(nb::class_<TrainingOptions>& options) {
  def_choice<TrainingPrecision>(options, "precision", &TrainingOptions::precision,
                                {{"fp32", TrainingPrecision::kFp32},
                                 {"tf32", TrainingPrecision::kTf32},
                                 {"bf16", TrainingPrecision::kBf16}});
  def_choice<LrsScale>(options, "lrs_scale", &TrainingOptions::lrs_scale,
                       {{"raw", LrsScale::kRaw}, {"teacher", LrsScale::kTeacher}});
  def_choice<Negatives>(options, "negatives", &TrainingOptions::negatives,
                        {{"drop", Negatives::kDrop}, {"keep", Negatives::kKeep}});
  def_choice<SplitSchedule>(
      options, "split_schedule", &TrainingOptions::split_schedule,
      {{"alternate", SplitSchedule::kAlternate}, {"sum", SplitSchedule::kSum}});
  def_choice<SaveFormat>(options, "save_format", &TrainingOptions::save_format,
                         {{"fp32", SaveFormat::kFp32},
                          {"fp16", SaveFormat::kFp16},
                          {"bf16", SaveFormat::kBf16},
                          {"int8", SaveFormat::kInt8}});
}

// What is made, and of what.
void bind_goal(nb::class_<TrainingOptions>& options) {
  options
      .def_prop_rw(
          "task",
          [](const TrainingOptions& options) {
            return options.task ? std::optional(options.task->name) : std::nullopt;
          },
          [](TrainingOptions& options, const std::optional<std::string>& name) {
            options.task = name ? std::optional(parse_task(*name)) : std::nullopt;
          },
          nb::arg("value").none())
      .def_rw("layers", &TrainingOptions::layers)
      .def_rw("split_layers", &TrainingOptions::split_layers)
      .def_prop_rw(
          "layout",
          [](const TrainingOptions& options) {
            return options.layout ? std::optional(to_string(*options.layout)) : std::nullopt;
          },
          [](TrainingOptions& options, const std::optional<std::string>& name) {
            options.layout = name ? std::optional(parse_layout(*name)) : std::nullopt;
          },
          nb::arg("value").none())
      .def_rw("freeze_layers", &TrainingOptions::freeze_layers)
      .def_rw("train_distance_bias", &TrainingOptions::train_distance_bias)
      .def_rw("teacher_answers", &TrainingOptions::teacher_answers,
              "A file for the teacher's logits; an empty path: the teacher runs in every step")
      .def_prop_rw(
          "loss_weights",
          [](const TrainingOptions& options) {
            const LossWeights& weights = options.loss_weights;
            return "task=" + shortest(weights.task) + ",kd=" + shortest(weights.kd) +
                   ",lrs=" + shortest(weights.lrs);
          },
          [](TrainingOptions& options, const std::string& text) {
            options.loss_weights = parse_loss_weights(text);
          },
          "\"task=0.7,kd=1.1,lrs=0.5\" or \"paper\"")
      .def_rw("temperature", &TrainingOptions::temperature);
}

void bind_options(nb::module_& module) {
  nb::class_<TrainingOptions> options(module, "TrainingOptions",
                                      "docs/training.md says what each does. Absent values are the "
                                      "base model's own.");
  bind_choices(options);
  bind_goal(options);
  options.def(nb::init<>())
      .def(nb::init<const TrainingOptions&>(), nb::arg("other"), "A copy.")
      .def_rw("epochs", &TrainingOptions::epochs)
      .def_rw("max_steps", &TrainingOptions::max_steps, nb::arg("value").none())
      .def_rw("learning_rate", &TrainingOptions::learning_rate)
      .def_rw("layer_decay", &TrainingOptions::layer_decay,
              "A layer's rate by that of the layer above it")
      .def_rw("warmup", &TrainingOptions::warmup, "Share of all steps")
      .def_rw("weight_decay", &TrainingOptions::weight_decay)
      .def_rw("max_gradient_norm", &TrainingOptions::max_gradient_norm)
      .def_rw("dropout", &TrainingOptions::dropout)
      .def_rw("batch_questions", &TrainingOptions::batch_questions)
      .def_rw("pass_tokens", &TrainingOptions::pass_tokens)
      .def_rw("questions_per_window", &TrainingOptions::questions_per_window)
      .def_rw("seed", &TrainingOptions::seed)
      .def_rw("held_out_questions", &TrainingOptions::held_out_questions)
      .def_rw("evaluate_every", &TrainingOptions::evaluate_every)
      .def_rw("checkpoint_minutes", &TrainingOptions::checkpoint_minutes)
      .def_rw("resume", &TrainingOptions::resume)
      .def_prop_rw(
          "device", [](const TrainingOptions& options) { return to_string(options.device); },
          [](TrainingOptions& options, const std::string& name) {
            options.device = parse_device(name);
          })
      .def_rw("threads", &TrainingOptions::threads);
}

void bind_reports(nb::module_& module) {
  nb::class_<StepLosses>(module, "StepLosses", "Mean losses of a step; None: not computed.")
      .def_ro("total", &StepLosses::total)
      .def_ro("task", &StepLosses::task)
      .def_ro("kd", &StepLosses::kd)
      .def_ro("lrs", &StepLosses::lrs);
  nb::class_<TrainingProgress>(module, "TrainingProgress", "Where a training stands.")
      .def_ro("step", &TrainingProgress::step, "Done")
      .def_ro("steps", &TrainingProgress::steps, "In all")
      .def_ro("epoch", &TrainingProgress::epoch)
      .def_ro("losses", &TrainingProgress::losses)
      .def_ro("learning_rate", &TrainingProgress::learning_rate)
      .def_ro("tokens_per_second", &TrainingProgress::tokens_per_second)
      .def_ro("seconds_left", &TrainingProgress::seconds_left);
  nb::class_<TrainingScore>(module, "TrainingScore",
                            "Of the held-out or validation data, in percent.")
      .def_ro("step", &TrainingScore::step)
      .def_ro("split_layer", &TrainingScore::split_layer)
      .def_ro("exact", &TrainingScore::exact)
      .def_ro("f1", &TrainingScore::f1)
      .def_ro("accuracy", &TrainingScore::accuracy);
  nb::class_<TrainingResult>(module, "TrainingResult", "What a training gave.")
      .def_ro("finished", &TrainingResult::finished)
      .def_ro("steps", &TrainingResult::steps)
      .def_ro("seconds", &TrainingResult::seconds, "Of all runs together")
      .def_prop_ro(
          "in_validation", [](const TrainingResult& result) { return result.data.in_validation; },
          "Examples left out, as the validation data have their passage")
      .def_ro("scores", &TrainingResult::scores, "Of this run")
      .def_ro("best", &TrainingResult::best, "Of all runs");
}

// What the training thread calls back. The first exception, Ctrl-C's too, stops the training after
// the step under way, with a checkpoint, and is raised then.
class Callbacks {
 public:
  Callbacks(nb::handle on_step, nb::handle on_score) : on_step_(on_step), on_score_(on_score) {}

  [[nodiscard]] TrainingHooks hooks() {
    return {.on_teacher = [this](const TeacherProgress&) { guarded([] {}); },
            .on_step = [this](const TrainingProgress& progress) { call(on_step_, progress); },
            .on_scoring = [this](const ScoringProgress&) { guarded([] {}); },
            .on_score = [this](const TrainingScore& score) { call(on_score_, score); },
            .stop = &stop_};
  }
  void rethrow() const {
    if (fault_) std::rethrow_exception(fault_);
  }

 private:
  template <typename Report>
  void call(nb::handle callable, const Report& report) {
    guarded([&] {
      if (!callable.is_none()) callable(nb::cast(report, nb::rv_policy::copy));
    });
  }

  template <typename Function>
  void guarded(const Function& function) {
    with_gil([&] {
      try {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        function();
      } catch (const nb::python_error&) {
        if (!fault_) fault_ = std::current_exception();
        stop_ = true;
      }
    });
  }

  nb::handle on_step_;
  nb::handle on_score_;
  std::exception_ptr fault_;
  std::atomic<bool> stop_ = false;
};

}  // namespace

void bind_training(nb::module_& module) {
  bind_options(module);
  bind_reports(module);
  module.def(
      "run_training",
      [](const std::filesystem::path& base_dir, const std::optional<std::filesystem::path>& teacher,
         const std::filesystem::path& output_dir, std::vector<Dataset> files,
         std::vector<Dataset> validation, const TrainingOptions& options, nb::object on_step,
         nb::object on_score) {
        Callbacks callbacks(on_step, on_score);
        TrainingResult result = without_gil([&] {
          Trainer trainer(base_dir, teacher.value_or(std::filesystem::path{}), output_dir, options);
          return trainer.run(std::move(files), std::move(validation), callbacks.hooks());
        });
        callbacks.rethrow();
        return result;
      },
      nb::arg("base_dir"), nb::arg("teacher_dir").none(), nb::arg("output_dir"), nb::arg("files"),
      nb::arg("validation"), nb::arg("options"), nb::arg("on_step").none() = nb::none(),
      nb::arg("on_score").none() = nb::none(), "Internal: use deformer.train().");
}

}  // namespace deformer::python
