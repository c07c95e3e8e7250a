#include "train/recipe.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>

#include "architecture/config.h"
#include "base/hash.h"
#include "base/json.h"
#include "deformer/error.h"
#include "train/reduced_precision.h"

namespace deformer {
namespace {

// Far from what overflows where steps are counted.
constexpr std::uint64_t kMostSteps = 1'000'000'000'000;

void require(bool condition, const std::string& name, const char* expected, double found) {
  if (condition) return;
  char number[32];
  std::snprintf(number, sizeof(number), "%g", found);
  throw Error(ErrorCode::kInvalidArgument, name + ": expected " + expected + ", found " + number);
}

std::string hex(std::uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

const char* name_of(TrainingPrecision precision) {
  switch (precision) {
    case TrainingPrecision::kFp32:
      return "fp32";
    case TrainingPrecision::kTf32:
      return "tf32";
    case TrainingPrecision::kBf16:
      return "bf16";
  }
  return "unknown";
}

std::vector<Parameter> frozen_parameters(const TrainingModel& model) {
  std::vector<Parameter> frozen;
  for (Parameter& parameter : model.parameters()) {
    if (!parameter.value.requires_grad()) frozen.push_back(std::move(parameter));
  }
  return frozen;
}

// "task=0.7" -> the weight that it names.
double* weight_of(LossWeights& weights, std::string_view name) {
  if (name == "task") return &weights.task;
  if (name == "kd") return &weights.kd;
  if (name == "lrs") return &weights.lrs;
  return nullptr;
}

void validate(const LossWeights& weights) {
  const auto check = [](const char* name, double weight) {
    require(weight >= 0 && std::isfinite(weight), name, "0 or more", weight);
  };
  check("loss_weights.task", weights.task);
  check("loss_weights.kd", weights.kd);
  check("loss_weights.lrs", weights.lrs);
  require(weights.task + weights.kd + weights.lrs > 0, "loss_weights", "one above 0", 0);
}

[[noreturn]] void refuse_weights(std::string_view text) {
  throw Error(
      ErrorCode::kInvalidArgument,
      "loss weights: expected \"paper\" or task=X,kd=X,lrs=X, each at most once, with numbers "
      "of 0 or more, not all 0, found \"" +
          std::string(text) + "\"");
}

}  // namespace

std::string hash_of_reading(const TrainingModel& teacher, TrainingPrecision precision) {
  Hasher hasher;
  hasher.add(config_to_json(teacher.config)).add(name_of(precision));
  hasher.add(static_cast<std::int64_t>(teacher.tokenizer->hash()));
  return hex(hasher.digest64());
}

std::string hash_of(const TrainingSet& set) {
  Hasher hasher;
  const auto add = [&](const std::vector<std::int32_t>& ids) {
    hasher.add(std::as_bytes(std::span(ids)));
  };
  for (const auto& question : set.questions) add(question);
  for (const auto& window : set.windows) add(window);
  hasher.add(std::as_bytes(std::span(set.pairs)));
  if (!set.labels.empty()) {
    hasher.add(static_cast<std::int64_t>(set.pairs_per_example));
    hasher.add(std::as_bytes(std::span(set.labels)));
  }
  return hex(hasher.digest64());
}

std::string hash_of(const std::vector<Parameter>& parameters) {
  Hasher hasher;
  for (const auto& [name, weight] : named_weights(parameters)) {
    const at::Tensor values = weight.to(at::kCPU).contiguous();
    hasher.add(name);
    hasher.add({static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes()});
  }
  return hex(hasher.digest64());
}

std::string hash_of(const Dataset& dataset) {
  Hasher hasher;
  for (const Example& example : dataset.examples) {
    hasher.add(example.id).add(dataset.passage_of(example));
    for (const std::string& question : example.questions) hasher.add(question);
    if (const auto label = example.label()) hasher.add(static_cast<std::int64_t>(*label));
    if (const auto* span = std::get_if<SpanTarget>(&example.target)) {
      for (const SquadAnswer& answer : span->answers) hasher.add(answer.text);
    }
  }
  return hex(hasher.digest64());
}

LossWeights parse_loss_weights(std::string_view text) {
  if (text == "paper") return kPaperLossWeights;
  LossWeights weights{.task = 0, .kd = 0, .lrs = 0};
  std::set<std::string_view> named;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) refuse_weights(text);
    double* const weight = weight_of(weights, part.substr(0, equals));
    const std::string_view number = part.substr(equals + 1);
    if (weight == nullptr || !named.insert(part.substr(0, equals)).second) refuse_weights(text);
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), *weight);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size() ||
        !(*weight >= 0 && *weight < 1e9)) {
      refuse_weights(text);
    }
  }
  if (weights.task + weights.kd + weights.lrs <= 0) refuse_weights(text);
  return weights;
}

void validate(const TrainingOptions& options) {
  const auto at_least_one = [](const char* name, std::size_t value) {
    require(value >= 1, name, "at least 1", static_cast<double>(value));
  };
  validate(options.loss_weights);
  at_least_one("batch_questions", options.batch_questions);
  at_least_one("pass_tokens", options.pass_tokens);
  at_least_one("questions_per_window", options.questions_per_window);
  require(options.epochs > 0 && options.epochs < 1e6, "epochs", "above 0", options.epochs);
  const std::uint64_t max_steps = options.max_steps.value_or(1);
  require(max_steps >= 1 && max_steps <= kMostSteps, "max_steps", "1 to 10^12",
          static_cast<double>(max_steps));
  require(options.learning_rate > 0 && options.learning_rate < 1, "learning_rate",
          "above 0 and below 1", options.learning_rate);
  require(options.layer_decay > 0 && options.layer_decay <= 1, "layer_decay",
          "above 0 and at most 1", options.layer_decay);
  require(options.warmup >= 0 && options.warmup < 1, "warmup", "0 or more and below 1",
          options.warmup);
  require(options.weight_decay >= 0 && options.weight_decay < 1, "weight_decay",
          "0 or more and below 1", options.weight_decay);
  require(options.max_gradient_norm >= 0, "max_gradient_norm", "0 or more",
          options.max_gradient_norm);
  require(options.dropout >= 0 && options.dropout <= 0.9, "dropout", "0 to 0.9", options.dropout);
  require(options.temperature > 0 && options.temperature < 1e3, "temperature", "above 0",
          options.temperature);
  require(options.checkpoint_minutes > 0, "checkpoint_minutes", "above 0",
          options.checkpoint_minutes);
  std::set<int> splits;
  for (const int layer : options.split_layers) {
    if (splits.insert(layer).second) continue;
    throw Error(ErrorCode::kInvalidArgument, "split_layers: expected each layer once, found " +
                                                 std::to_string(layer) + " twice");
  }
  require(options.freeze_layers >= 0, "freeze_layers", "0 or more", options.freeze_layers);
  require(options.threads >= 0, "threads", "0 or more", options.threads);
  require(options.teacher_answers.empty() || options.loss_weights.kd > 0, "teacher_answers",
          "a weight of kd above 0", options.loss_weights.kd);
  require(options.teacher_answers.empty() || options.loss_weights.lrs == 0, "teacher_answers",
          "no lrs, which needs the teacher's states: a weight of 0", options.loss_weights.lrs);
  require_training_precision(options.precision, options.device);
}

void require_fitting(const TrainingOptions& options, const TrainingModel& student) {
  const std::int64_t layers = student.config.num_hidden_layers;
  if (options.freeze_layers >= layers) {
    throw Error(ErrorCode::kInvalidArgument, "freeze_layers: expected less than the model's " +
                                                 std::to_string(layers) + " layers, found " +
                                                 std::to_string(options.freeze_layers));
  }
  const auto parameters = student.parameters();
  const bool has_distance_bias = std::any_of(parameters.begin(), parameters.end(),
                                             [](const Parameter& p) { return p.is_distance_bias; });
  if (options.train_distance_bias && !has_distance_bias) {
    throw Error(ErrorCode::kInvalidArgument,
                "train_distance_bias: expected a model with scores of distances, found " +
                    student.config.architecture);
  }
  if (options.negatives == Negatives::kKeep && student.config.task != TaskKind::kSpan) {
    throw Error(ErrorCode::kInvalidArgument,
                "negatives: expected a task of spans, to which windows without the answer matter, "
                "found " +
                    std::string(to_string(student.config.task)));
  }
}

std::string make_recipe(const TrainingOptions& options, const TrainingSet& set,
                        const TrainingModel& student, const TeacherFacts& teacher,
                        const std::string& validation) {
  nlohmann::ordered_json recipe;
  if (student.config.task != TaskKind::kSpan) recipe["task"] = set.data_name;
  if (!options.layers.empty()) recipe["layers"] = options.layers;
  recipe["split_layers"] = options.split_layers;
  recipe["split_schedule"] = options.split_schedule == SplitSchedule::kSum ? "sum" : "alternate";
  recipe["layout"] = to_string(student.config.split.layout);
  recipe["config"] = hex(Hasher().add(config_to_json(student.config)).digest64());
  // The head may begin at random, which another processor rounds otherwise.
  recipe["base"] = hash_of(student.encoder->parameters());
  recipe["tokenizer"] = hex(student.tokenizer->hash());
  recipe["loss_weights"] = {{"task", options.loss_weights.task},
                            {"kd", options.loss_weights.kd},
                            {"lrs", options.loss_weights.lrs}};
  recipe["temperature"] = options.temperature;
  recipe["lrs_scale"] = options.lrs_scale == LrsScale::kRaw ? "raw" : "teacher";
  recipe["negatives"] = options.negatives == Negatives::kDrop ? "drop" : "keep";
  if (options.max_steps) {
    recipe["max_steps"] = *options.max_steps;
  } else {
    recipe["epochs"] = options.epochs;
  }
  recipe["learning_rate"] = options.learning_rate;
  recipe["layer_decay"] = options.layer_decay;
  recipe["warmup"] = options.warmup;
  recipe["weight_decay"] = options.weight_decay;
  recipe["max_gradient_norm"] = options.max_gradient_norm;
  recipe["dropout"] = options.dropout;
  recipe["batch_questions"] = options.batch_questions;
  recipe["pass_tokens"] = options.pass_tokens;
  recipe["questions_per_window"] = options.questions_per_window;
  recipe["seed"] = options.seed;
  recipe["precision"] = name_of(options.precision);
  recipe["parameters"] = named_weights(student.parameters()).size();
  recipe["data"] = hash_of(set);
  if (!teacher.weights.empty()) recipe["teacher"] = teacher.weights;
  if (teacher.answers_in_file) recipe["teacher_answers"] = "fp16";
  if (!validation.empty()) recipe["validation"] = validation;
  // A checkpoint does not hold what is not trained: the base must be the same one.
  const std::vector<Parameter> frozen = frozen_parameters(student);
  if (!frozen.empty()) recipe["frozen"] = hash_of(frozen);
  return recipe.dump();
}

bool is_same_run(const std::string& recipe, const std::string& stored) {
  if (recipe == stored) return true;
  const auto found = nlohmann::json::parse(stored, nullptr, /*allow_exceptions=*/false);
  if (!found.is_object()) return false;
  auto expected = nlohmann::ordered_json::parse(recipe);
  for (const char* added : {"base", "tokenizer"}) {
    if (!found.contains(added)) expected.erase(added);
  }
  return expected.dump() == stored;
}

}  // namespace deformer
