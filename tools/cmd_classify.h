// deformer classify: classes of pairs of texts, choices of questions.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/model_options.h"

namespace deformer::tools {

struct ClassifyVerbOptions {
  ModelOptions model;
  std::string data;
  std::optional<std::string> first;
  std::optional<std::string> second;
  std::vector<std::string> choices;
  std::optional<std::size_t> limit;
  std::string output;
  std::string submission;
  std::string store;
  bool require_store = false;
  std::size_t batch_tokens = 4096;
  bool timing = false;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_classify(CLI::App& app, ClassifyVerbOptions& options);
void run_classify(const ClassifyVerbOptions& options);

}  // namespace deformer::tools
