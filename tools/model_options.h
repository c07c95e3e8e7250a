// Options of every verb that loads a model.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "deformer/known_datasets.h"
#include "deformer/model.h"
#include "tools/talk.h"

namespace deformer::tools {

struct ModelOptions {
  std::string model_dir;
  LoadOptions load;
};

/// Adds --model, which may be left out, and what says how to run it.
void add_model_options(CLI::App& verb, ModelOptions& options);
/// The same without --model.
void add_runtime_options(CLI::App& verb, ModelOptions& options);

/// Adds --task, for verbs of several kinds of answer.
void add_task_option(CLI::App& verb, ModelOptions& options);

/// What --data is read as: what --task names, else what fits the model and the file.
[[nodiscard]] const KnownDataset& data_form(const ModelOptions& options, const ModelConfig& config,
                                            const std::string& path);

/// Gives `options` a model directory where it has none: what DEFORMER_MODEL names, else a bundled
/// one. Notes which one it took. Throws kInvalidArgument where there is none.
void choose_model(ModelOptions& options, const Talk& talk);

/// The first of the bundled models that `program`, the tool's own path, finds: installed below
/// ../share/deformer/models, or in the source tree that it was built in. Empty where none is.
[[nodiscard]] std::filesystem::path find_bundled_model(const std::filesystem::path& program);

/// What loading reads of a directory: weights, vocabularies, configurations. Empty where there is
/// no such directory, which loading the model says.
[[nodiscard]] std::vector<std::string> model_files(const std::string& model_dir);

/// Notes which model and which precision were chosen where they were left open.
[[nodiscard]] std::shared_ptr<const Model> load_model(const ModelOptions& options,
                                                      const Talk& talk);

}  // namespace deformer::tools
