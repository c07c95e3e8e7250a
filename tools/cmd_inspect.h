// deformer inspect: what a model directory holds and what an answer costs.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "deformer/inspect.h"
#include "tools/model_options.h"

namespace deformer::tools {

struct InspectOptions {
  ModelOptions model;
  FlopsSizes sizes;
  bool json = false;
};

CLI::App* add_inspect(CLI::App& app, InspectOptions& options);
void run_inspect(const InspectOptions& options);

}  // namespace deformer::tools
