// deformer convert: a model directory out of Hugging Face's files and TensorFlow's checkpoints.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "deformer/convert.h"

namespace deformer::tools {

struct ConvertVerbOptions {
  std::string from;
  std::string to;
  ConvertOptions convert;
  std::string vocabulary;
  bool lower_case = false;
  bool cased = false;
  std::string format;    // empty: the source's
  std::string layout;    // empty: the source's
  int max_shard_mb = 0;  // 0: one file
  bool list = false;
  bool json = false;
  bool quiet = false;
};

CLI::App* add_convert(CLI::App& app, ConvertVerbOptions& options);
void run_convert(const ConvertVerbOptions& options);

}  // namespace deformer::tools
