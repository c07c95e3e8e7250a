// deformer train: fine-tunes a model for its task and split, with or without a teacher.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deformer/training.h"

namespace deformer::tools {

struct TrainVerbOptions {
  std::string model;
  std::string task;                // empty: the base model's own
  std::vector<std::string> squad;  // one of the two
  std::vector<std::string> data;
  std::vector<std::string> validation;
  std::string teacher;
  std::string output;
  std::optional<int> split_layer;
  std::string loss_weights = "task=1";
  std::string layout;  // empty: the base model's own
  std::string lrs_scale = "raw";
  std::string negatives = "drop";
  std::string split_schedule = "alternate";
  std::string device = "cpu";
  std::string precision = "fp32";
  std::string save_format = "fp32";
  TrainingOptions training;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_train(CLI::App& app, TrainVerbOptions& options);
/// The exit status: 0, or 128 + the number of the signal that stopped the run.
[[nodiscard]] int run_train(const TrainVerbOptions& options);

}  // namespace deformer::tools
