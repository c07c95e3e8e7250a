// Options of every verb that loads a model.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <string>

#include "deformer/known_datasets.h"
#include "deformer/model.h"
#include "tools/talk.h"

namespace deformer::tools {

struct ModelOptions {
  std::string model_dir;
  std::string device = "cpu";
  std::string precision = "fp32";
  std::string weights = "auto";
  int threads = 0;
  std::optional<int> split_layer;
  std::string layout;  // empty: the model's own
  std::optional<Task> task;
  std::string tokenizer_file;  // empty: the first that is there
};

/// Adds --model, which may be left out (default_model.h), and what says how to run it.
void add_model_options(CLI::App& verb, ModelOptions& options);
/// The same without --model.
void add_runtime_options(CLI::App& verb, ModelOptions& options);

/// Adds --task, for verbs of several kinds of answer.
void add_task_option(CLI::App& verb, ModelOptions& options);

/// What --data is read as: what --task names, else what fits the model and the file.
[[nodiscard]] const KnownDataset& data_form(const ModelOptions& options, const ModelConfig& config,
                                            const std::string& path);

/// Adds --store and --require-store, for verbs that take passages from a store.
void add_store_options(CLI::App& verb, std::string& store, bool& require_store);

/// Notes which model and which precision were chosen where they were left open.
[[nodiscard]] std::shared_ptr<const Model> load_model(const ModelOptions& options,
                                                      const Talk& talk);

}  // namespace deformer::tools
