// deformer answer: questions in, spans of passages out.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "tools/answerer.h"
#include "tools/model_options.h"

namespace deformer::tools {

struct AnswerVerbOptions {
  ModelOptions model;
  AnswererOptions answerer;
  std::string squad;
  std::string jsonl;
  std::string passage;
  std::vector<std::string> questions;
  std::string output = "-";
  std::string nbest;
  std::string na_scores;
  std::optional<std::size_t> limit;
  bool json = false;
  bool keep_going = false;
  bool quiet = false;
};

CLI::App* add_answer(CLI::App& app, AnswerVerbOptions& options);
void run_answer(const AnswerVerbOptions& options);

}  // namespace deformer::tools
