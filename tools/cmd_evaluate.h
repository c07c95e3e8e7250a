// deformer evaluate: scores of predictions, or of a model that answers first.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "tools/answerer.h"
#include "tools/model_options.h"

namespace deformer::tools {

struct EvaluateVerbOptions {
  std::string squad;  // one of the two
  std::string data;
  std::string predictions;
  std::string na_scores;
  double na_threshold = 1.0;
  bool tune_threshold = false;
  ModelOptions model;
  AnswererOptions answerer;
  std::string output;
  std::optional<std::size_t> limit;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_evaluate(CLI::App& app, EvaluateVerbOptions& options);
void run_evaluate(const EvaluateVerbOptions& options);

}  // namespace deformer::tools
