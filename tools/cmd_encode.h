// deformer encode: passages through the lower layers, once, into a store.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <string>

#include "tools/model_options.h"

namespace deformer::tools {

struct EncodeVerbOptions {
  ModelOptions model;
  std::string store;
  std::string squad;
  std::string jsonl;
  std::string text_dir;
  std::string data;
  std::string codec = "fp32";
  bool projections = false;
  std::string shard = "1/1";
  std::size_t batch_tokens = 4096;
  bool resume = false;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_encode(CLI::App& app, EncodeVerbOptions& options);
void run_encode(const EncodeVerbOptions& given);

}  // namespace deformer::tools
