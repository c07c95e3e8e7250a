// deformer bench: what answering costs, full against decomposed.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/model_options.h"

namespace deformer::tools {

struct BenchVerbOptions {
  ModelOptions model;
  std::string random;
  std::string squad;
  std::vector<int> lengths;  // empty: the default
  std::size_t passages = 64;
  std::vector<std::string> modes;  // empty: all that the model allows
  std::string store = "memory:";
  std::string codec = "fp32";
  std::size_t batch_tokens = 4096;
  double min_seconds = 10;
  std::uint64_t seed = 1;
  bool paper = false;
  std::vector<std::string> tasks;
  std::vector<std::string> paper_models;
  std::string html;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_bench(CLI::App& app, BenchVerbOptions& options);
void run_bench(const BenchVerbOptions& options);

}  // namespace deformer::tools
