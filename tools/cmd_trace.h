// deformer trace: every intermediate state of one question on one passage, as a safetensors file.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/model_options.h"

namespace deformer::tools {

struct TraceVerbOptions {
  ModelOptions model;
  std::optional<std::string> question;
  std::optional<std::string> passage;
  std::vector<std::int32_t> question_ids;
  std::vector<std::int32_t> passage_ids;
  std::size_t window = 0;
  std::string output;
  bool quiet = false;
};

CLI::App* add_trace(CLI::App& app, TraceVerbOptions& options);
void run_trace(const TraceVerbOptions& options);

}  // namespace deformer::tools
