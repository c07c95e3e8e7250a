// deformer inspect: what a model directory or a passage store holds.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "deformer/inspect.h"
#include "tools/model_options.h"

namespace deformer::tools {

struct InspectVerbOptions {
  ModelOptions model;  // model_dir: a directory or a store's URI
  FlopsSizes sizes;
  std::vector<const CLI::Option*> of_models;  // that a store has no use for
  bool verify = false;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_inspect(CLI::App& app, InspectVerbOptions& options);
void run_inspect(const InspectVerbOptions& options);

}  // namespace deformer::tools
